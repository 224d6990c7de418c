// Does a form of a JSON Schema give typed values, and say what is wrong where?
import assert from "node:assert/strict";
import {test} from "node:test";
import {draftsOf, fieldsOf, typed} from "../../../../services/hil-inbox/src/hil_inbox/page/static/schema.js";

const SCHEMA = {
  type: "object", required: ["order", "amount", "method"],
  properties: {
    order: {type: "string", pattern: "^#[0-9]+$"}, amount: {type: "number", minimum: 0, maximum: 500}, count: {type: "integer"},
    method: {enum: ["card", "voucher", 3]}, notify: {type: "boolean"}, tags: {type: "array", items: {type: "integer"}},
    address: {type: "object", required: ["city"], properties: {city: {type: "string"}, zip: {type: "string"}}},
    deep: {type: "array", items: {type: "object", properties: {x: {type: "string"}}}},
  },
};
const fields = fieldsOf(SCHEMA);
const filled = (changes) => ({...draftsOf(fields, {order: "#1", amount: 49, method: "card", address: {city: "Ghent"}}), ...changes});

test("values keep the types of the schema", () => {
  const {value, errors} = typed(fields, filled({count: "3", notify: true, tags: ["1", "2"], method: "3", deep: '[{"x": "y"}]'}));
  assert.deepEqual(errors, {});
  assert.deepEqual(value, {order: "#1", amount: 49, count: 3, method: 3, notify: true, tags: [1, 2], address: {city: "Ghent"}, deep: [{x: "y"}]});
});

test("what is not filled in and not required is left out", () => {
  assert.deepEqual(Object.keys(typed(fields, filled({})).value).sort(), ["address", "amount", "method", "notify", "order"]);
});

for (const [path, draft, error] of [
  ["order", "20", "form.pattern"], ["order", "", "form.required"], ["amount", "many", "form.number"], ["amount", "501", "form.maximum"],
  ["amount", "-1", "form.minimum"], ["count", "1.5", "form.integer"], ["deep", "{", "form.json"], ["address.city", "", "form.required"],
  ["amount", "Infinity", "form.number"], ["tags", ["x"], "form.number"],
]) {
  test(`${path} of ${JSON.stringify(draft)} is refused: ${error}`, () => {
    assert.equal(typed(fields, filled({[path]: draft})).errors[path][0], error);
  });
}
