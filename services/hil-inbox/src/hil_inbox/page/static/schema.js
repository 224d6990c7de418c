// Which fields does a JSON Schema ask for, and what value do typed answers make? Pure.

export const DEPTH_MAX = 2;
const PLAIN = new Set(["string", "number", "integer", "boolean"]);
const FORMATS = {date: "date", "date-time": "datetime-local", email: "email", uri: "url", time: "time"};

/** A tree of fields: {path, name, title, help, kind, required, options, children, item, limits}. */
export function fieldsOf(schema, path = [], depth = 0) {
  const required = new Set(schema?.required ?? []);
  return Object.entries(schema?.properties ?? {}).map(([name, one]) => fieldOf(one, [...path, name], required.has(name), depth));
}

function fieldOf(schema, path, required, depth) {
  const name = path.at(-1);
  const type = typeOf(schema);
  const field = {
    path, name: String(name), title: schema.title ?? String(name).replaceAll("_", " "), help: schema.description ?? "",
    required, schema, kind: "json",
  };
  if (schema.const !== undefined) return {...field, kind: "const", value: schema.const};
  if (Array.isArray(schema.enum)) return {...field, kind: "enum", options: schema.enum};
  if (PLAIN.has(type)) return {...field, kind: type, input: FORMATS[schema.format] ?? "text"};
  if (type === "object" && schema.properties && depth < DEPTH_MAX) return {...field, kind: "object", children: fieldsOf(schema, path, depth + 1)};
  if (type === "array" && PLAIN.has(typeOf(schema.items ?? {})) && depth < DEPTH_MAX) {
    return {...field, kind: "array", item: fieldOf(schema.items, [...path, 0], true, depth + 1)};
  }
  return field; // Anything deeper is edited as JSON, and checked as such.
}

function typeOf(schema) {
  if (typeof schema.type === "string") return schema.type;
  if (Array.isArray(schema.type)) return schema.type.find((one) => one !== "null") ?? "null";
  return schema.properties ? "object" : schema.enum ? "enum" : "any";
}

/** What stands in a form before a person touches it: text for every leaf, by its path. */
export function draftsOf(fields, value) {
  const drafts = {};
  for (const field of fields) {
    const known = value?.[field.path.at(-1)];
    if (field.kind === "object") Object.assign(drafts, draftsOf(field.children, known));
    else drafts[pathText(field.path)] = draftOf(field, known ?? field.schema.default);
  }
  return drafts;
}

function draftOf(field, value) {
  if (field.kind === "boolean") return value === true;
  if (field.kind === "array") return (Array.isArray(value) ? value : []).map(String);
  if (field.kind === "enum") return value === undefined ? "" : JSON.stringify(value);
  if (field.kind === "json") return value === undefined ? "" : JSON.stringify(value, null, 2);
  return value === undefined || value === null ? "" : String(value);
}

export const pathText = (path) => path.join(".");

/** {value, errors}: typed values as the schema wants them; errors by path as [key, values] of the catalogue. */
export function typed(fields, drafts) {
  const value = {};
  const errors = {};
  for (const field of fields) {
    const name = field.path.at(-1);
    if (field.kind === "object") {
      const inner = typed(field.children, drafts);
      Object.assign(errors, inner.errors);
      if (field.required || Object.keys(inner.value).length) value[name] = inner.value;
      continue;
    }
    const [one, error] = leaf(field, drafts[pathText(field.path)]);
    if (error) errors[pathText(field.path)] = error;
    else if (one !== undefined) value[name] = one;
  }
  return {value, errors};
}

function leaf(field, draft) {
  if (field.kind === "const") return [field.value];
  if (field.kind === "boolean") return [draft];
  if (field.kind === "array") return list(field, draft);
  if (draft === "" || draft === undefined) return field.required ? [undefined, ["form.required", {}]] : [undefined];
  if (field.kind === "enum") return [JSON.parse(draft)];
  if (field.kind === "number" || field.kind === "integer") return figure(field, draft);
  if (field.kind === "json") return json(draft);
  return limited(field, draft);
}

function list(field, drafts) {
  const values = [];
  for (const draft of drafts) {
    const [one, error] = leaf(field.item, draft);
    if (error) return [undefined, error];
    values.push(one);
  }
  const {minItems = 0} = field.schema;
  if (values.length < minItems) return [undefined, ["form.items_min", {n: minItems}]];
  return values.length || field.required ? [values] : [undefined];
}

function figure(field, draft) {
  const value = Number(draft.trim());
  if (!Number.isFinite(value)) return [undefined, ["form.number", {}]];
  if (field.kind === "integer" && !Number.isInteger(value)) return [undefined, ["form.integer", {}]];
  const {minimum, maximum} = field.schema;
  if (minimum !== undefined && value < minimum) return [undefined, ["form.minimum", {limit: minimum}]];
  if (maximum !== undefined && value > maximum) return [undefined, ["form.maximum", {limit: maximum}]];
  return [value];
}

function limited(field, draft) {
  const {minLength, maxLength, pattern} = field.schema;
  const length = [...draft].length;
  if (minLength !== undefined && length < minLength) return [undefined, ["form.length_min", {limit: minLength}]];
  if (maxLength !== undefined && length > maxLength) return [undefined, ["form.length_max", {limit: maxLength}]];
  if (pattern !== undefined && !matches(pattern, draft)) return [undefined, ["form.pattern", {}]];
  return [draft];
}

function matches(pattern, text) {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true; // Another dialect of patterns: the service judges.
  }
}

function json(draft) {
  try {
    return [JSON.parse(draft)];
  } catch (error) {
    return [undefined, ["form.json", {detail: error.message}]];
  }
}
