// How does a person fill in what a JSON Schema asks for?
import {html} from "./html.js";
import {t} from "./i18n.js";
import {pathText} from "./schema.js";

/** A fieldset of typed inputs. `drafts` by path; `onDraft(path, value)`; errors by path stand beside their field. */
export function SchemaForm({fields, drafts, errors, onDraft, disabled}) {
  return fields.map((field) => html`<${Field} key=${pathText(field.path)} ...${{field, drafts, errors, onDraft, disabled}} />`);
}

function Field({field, drafts, errors, onDraft, disabled}) {
  const path = pathText(field.path);
  if (field.kind === "object") {
    return html`<fieldset class="nested"><legend>${field.title}</legend>
      <${SchemaForm} fields=${field.children} ...${{drafts, errors, onDraft, disabled}} /></fieldset>`;
  }
  const id = `field-${path}`;
  const error = errors[path];
  const about = [field.help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const common = {id, disabled: disabled || field.kind === "const", "aria-describedby": about, "aria-invalid": error ? "true" : undefined, "aria-required": field.required ? "true" : undefined};
  const set = (value) => onDraft(path, value);
  return html`<div class=${`field field-${field.kind}`}>
    <label for=${field.kind === "array" ? `${id}-0` : id}>${field.title}${field.required ? html`<span class="required"> ${t("form.mark")}</span>` : null}</label>
    <${Input} ...${{field, common, value: drafts[path], set}} />
    ${field.help && html`<p class="help" id=${`${id}-help`}>${field.help}</p>`}
    ${error && html`<p class="field-error" id=${`${id}-error`}>${Array.isArray(error) ? t(error[0], error[1]) : error}</p>`}
  </div>`;
}

function Input({field, common, value, set}) {
  const typed = (event) => set(event.target.value);
  switch (field.kind) {
    case "boolean":
      return html`<input type="checkbox" ...${common} checked=${value} onChange=${(event) => set(event.target.checked)} />`;
    case "enum":
      return html`<select ...${common} value=${value} onChange=${typed}>
        <option value="">${t("form.choose")}</option>
        ${field.options.map((one) => html`<option value=${JSON.stringify(one)}>${String(one)}</option>`)}</select>`;
    case "array":
      return html`<${List} ...${{field, common, value, set}} />`;
    case "json":
      return html`<textarea rows="4" class="code" ...${common} value=${value} onInput=${typed}></textarea>`;
    case "number":
    case "integer":
      return html`<input type="text" inputmode="decimal" ...${common} value=${value} onInput=${typed} />`;
    case "const":
      return html`<input type="text" ...${common} value=${String(field.value)} />`;
    default:
      return (field.schema.maxLength ?? 0) > 120
        ? html`<textarea rows="3" ...${common} value=${value} onInput=${typed}></textarea>`
        : html`<input type=${field.input ?? "text"} ...${common} value=${value} onInput=${typed} />`;
  }
}

function List({field, common, value, set}) {
  const change = (index, text) => set(value.map((one, at) => (at === index ? text : one)));
  return html`<div class="items">
    ${value.map((one, index) => html`<div class="item">
      <input type="text" ...${common} id=${`${common.id}-${index}`} aria-label=${`${field.title} ${index + 1}`} value=${one} onInput=${(event) => change(index, event.target.value)} />
      <button type="button" class="quiet" disabled=${common.disabled} aria-label=${t("form.remove", {name: `${field.title} ${index + 1}`})}
        onClick=${() => set(value.filter((_, at) => at !== index))}>${t("form.remove_short")}</button></div>`)}
    <button type="button" class="quiet" id=${value.length ? undefined : `${common.id}-0`} disabled=${common.disabled} onClick=${() => set([...value, ""])}>${t("form.add")}</button>
  </div>`;
}
