// What does OpenAI's own Node client make of the gateway's answers?
//
// node scenes.js BASE_URL < scenes.json > outcomes.json
// Each scene is {name, key, does, body, headers}; its outcome is what the caller of the client sees, an error included.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const Intent = z.object({ intent: z.enum(["refund", "other"]) });

const deeds = {
  async chat(client, body, options) {
    const answer = await client.chat.completions.create(body, options);
    const { message, finish_reason } = answer.choices[0];
    return { text: message.content, finish: finish_reason, calls: calls(message.tool_calls), usage: answer.usage };
  },

  async stream(client, body, options) {
    const seen = { text: "", finish: null, calls: [], usage: null };
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true }, options)) {
      seen.usage = chunk.usage ?? seen.usage;
      const choice = chunk.choices[0];
      if (!choice) continue;
      seen.text += choice.delta.content ?? "";
      seen.finish = choice.finish_reason ?? seen.finish;
      for (const part of choice.delta.tool_calls ?? []) gather(seen.calls, part);
    }
    return seen;
  },

  async parse(client, body, options) {
    const wanted = { ...body, response_format: zodResponseFormat(Intent, "intent") };
    const answer = await client.chat.completions.parse(wanted, options);
    return { parsed: answer.choices[0].message.parsed };
  },

  async embeddings(client, body, options) {
    const answer = await client.embeddings.create(body, options);
    return { vectors: answer.data.map((one) => one.embedding), usage: answer.usage };
  },

  async models(client, _body, options) {
    const names = [];
    for await (const model of client.models.list(options)) names.push(model.id);
    return { models: names };
  },

  async model(client, body, options) {
    return { model: (await client.models.retrieve(body.name, options)).id };
  },
};

function calls(given) {
  return (given ?? []).map((call) => [call.function.name, call.function.arguments]);
}

function gather(calls, part) {
  const call = (calls[part.index] ??= ["", ""]);
  call[0] += part.function?.name ?? "";
  call[1] += part.function?.arguments ?? "";
}

async function play(baseURL, scene) {
  const client = new OpenAI({ baseURL, apiKey: scene.key, maxRetries: 0, timeout: 30_000 });
  try {
    return await deeds[scene.does](client, scene.body, { headers: scene.headers });
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    return { error: { status: error.status ?? null, type: error.type, code: error.code, param: error.param } };
  }
}

const outcomes = {};
for (const scene of JSON.parse(readFileSync(0, "utf8"))) outcomes[scene.name] = await play(process.argv[2], scene);
process.stdout.write(JSON.stringify(outcomes));
