// A customer's client application in one file: writes to a conversation and prints the answer.
//
// Needs the npm packages of NATS and nothing of HIL Agent System; all it knows is in contracts/README.md.
// Exit status: 0 an answer was printed, 1 the message was refused, 2 wrong usage, 3 NATS does not answer, 4 no answer in time.
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const STREAM = "HIL_LOG";
const USAGE = "usage: node client.js [--nats URL] [--tenant T] [--conversation C] [--turn N] [--workflow W] [--timeout-seconds S] TEXT";

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      nats: { type: "string", default: process.env.NATS_URL ?? "nats://127.0.0.1:4222" },
      tenant: { type: "string", default: process.env.HIL_TENANT ?? "acme" },
      conversation: { type: "string", default: "c1" },
      turn: { type: "string", default: "1" }, // One turn is answered once; the next message needs another.
      workflow: { type: "string" },
      "timeout-seconds": { type: "string", default: "60" },
    },
  });
  const timeoutSeconds = Number(values["timeout-seconds"]);
  if (positionals.length !== 1 || !(timeoutSeconds > 0)) throw new TypeError("give one text, and a time above 0");
  return { ...values, text: positionals[0], timeoutSeconds };
}

// The same message gets the same id, so the server stores it once.
function messageId({ tenant, conversation, turn, text }) {
  return `${tenant}:${conversation}:${turn}:${createHash("sha256").update(text, "utf8").digest("hex").slice(0, 16)}`;
}

// Publish the customer's message and wait until it is stored.
async function send(js, asked) {
  const subject = `hil.evt.message.received.v1.${asked.tenant}.${asked.conversation}`;
  const body = { turn_id: asked.turn, text: asked.text, workflow: asked.workflow };
  await js.publish(subject, JSON.stringify(body), { msgID: messageId(asked), expect: { streamName: STREAM } });
}

// Read the facts of the conversation in their order, from the first, so that an answer given before is found too.
async function answer(js, asked) {
  const ownId = messageId(asked);
  const consumer = await js.consumers.get(STREAM, {
    filter_subjects: [`hil.evt.*.*.v1.${asked.tenant}.${asked.conversation}`],
    deliver_policy: DeliverPolicy.All,
  });
  let firstId; // Of the first message of this turn: if it had other text, its answer is not ours.
  for await (const fact of await consumer.consume()) {
    const name = fact.subject.split(".").slice(2, 4).join(".");
    const body = fact.data.length > 0 ? fact.json() : {};
    const isOfTurn = body.turn_id === asked.turn;
    if (name === "message.received") {
      if (isOfTurn) firstId ??= fact.headers?.get("Nats-Msg-Id");
    } else if (name === "turn.refused" && body.input_id === ownId) {
      console.error(`refused: ${body.reason} ${body.detail ?? ""}`.trim());
      return 1;
    } else if (firstId !== ownId) {
      continue;
    } else if (name === "execution.finished" && isOfTurn && body.sink === "HANDOVER") {
      console.error("a person takes over, please wait");
    } else if (name === "message.sent" && (isOfTurn || body.kind === "human_reply")) { // What a person says carries no turn id.
      console.log(body.text);
      return 0;
    }
  }
  return 4; // The connection was closed.
}

async function main() {
  let asked;
  try {
    asked = readArguments();
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  let connection;
  try {
    connection = await connect({ servers: asked.nats, timeout: 5000, reconnect: false });
  } catch (error) {
    console.error(`NATS at ${asked.nats} does not answer: ${error.message}`);
    return 3;
  }
  const tooLate = setTimeout(() => {
    console.error(`no answer within ${asked.timeoutSeconds} s; the message is stored and goes on`);
    process.exit(4);
  }, asked.timeoutSeconds * 1000);
  try {
    const js = jetstream(connection);
    await send(js, asked);
    return await answer(js, asked);
  } catch (error) {
    console.error(`NATS refused: ${error.message}`);
    return 3;
  } finally {
    clearTimeout(tooLate);
    await connection.close();
  }
}

process.exitCode = await main();
