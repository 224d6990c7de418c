"""Does a value fit a JSON Schema that somebody else wrote, told in bounded time?"""

from json_schema.bounded_schema import BoundedSchema, Problem, SchemaUnusable, bounded_schema

__all__ = ["BoundedSchema", "Problem", "SchemaUnusable", "bounded_schema"]
