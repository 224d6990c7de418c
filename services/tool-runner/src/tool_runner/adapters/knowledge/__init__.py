"""How does `knowledge.search` answer from documents that are kept in files?"""

from tool_runner.adapters.knowledge.gateway_embeddings import GatewayEmbeddings
from tool_runner.adapters.knowledge.knowledge_server import KnowledgeServer
from tool_runner.adapters.knowledge.read_folder import FolderLimits, KnowledgeUnusable

__all__ = ["FolderLimits", "GatewayEmbeddings", "KnowledgeServer", "KnowledgeUnusable"]
