"""May the answer of a node be one that another execution got, and of which state of knowledge and language?"""

import re
from typing import Final

from contracts.completions import CachePolicy
from orchestrator.domain.expression import render
from orchestrator.domain.node_prompt import Scope
from orchestrator.domain.workflow import Node

_NAME: Final = re.compile(r"[\x21-\x7e]{1,128}\Z")
"""As the gateway reads the headers that say the same."""


def cache_policy(node: Node, scope: Scope) -> CachePolicy | None:
    """What the node declares, with what its templates find. None, which is neither taken nor kept, where one of them
    finds no name: an answer of an unknown state could be one of an old state."""
    declared = node.cache
    if declared is None:
        return None
    templates = {"knowledge_version": declared.knowledge_version, "locale": declared.locale}
    found = {name: render(template, scope()) for name, template in templates.items() if template}
    return declared.model_copy(update=found) if all(map(_NAME.match, found.values())) else None
