"""What is the published JSON Schema? `python -m orchestrator.adapters.workflow_file` prints it."""

import sys

from orchestrator.adapters.workflow_file.schema import schema_text

sys.stdout.write(schema_text())
