#!/usr/bin/env node
// Works through the return requests of a seller: lists the queue, approves, follows the events.
// Nothing is generated: the protos are read at start, from beside this repository's code or from
// AFTERSALES_PROTOS, such as PREFIX/share/aftersales/protos.
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const { values: options, positionals: [address, seller] } = parseArgs({
  allowPositionals: true,
  options: { "resume-token": { type: "string", default: "start" } },
});
if (!address || !seller) {
  fail("usage: client.mjs ADDRESS SELLER [--resume-token TOKEN]\n" +
       "such as: client.mjs 127.0.0.1:50151 sellers/acme");
}

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const protos = process.env.AFTERSALES_PROTOS ?? `${repository}/protos:${repository}/core/status`;
const definition = protoLoader.loadSync(
  ["queue", "return", "event"].map((name) => `aftersales/v1/${name}_service.proto`)
    .concat("google/rpc/status.proto", "google/rpc/error_details.proto"),
  {
    includeDirs: protos.split(":"),
    keepCase: true, longs: String, enums: String, defaults: true, oneofs: true,
  });
const { v1 } = grpc.loadPackageDefinition(definition).aftersales;
const credentials = grpc.credentials.createInsecure();
const queue = new v1.QueueService(address, credentials);
const returns = new v1.ReturnService(address, credentials);
const events = new v1.EventService(address, credentials);

// Every call has a deadline, so that a lost host is an error and no hang.
const within = (seconds) => ({ deadline: Date.now() + seconds * 1000 });
const call = (client, method, request) => new Promise((resolve, reject) => {
  client[method](request, within(10), (error, answer) => error ? reject(error) : resolve(answer));
});
const time = ({ seconds, nanos }) =>
  new Date(Number(seconds) * 1000 + nanos / 1e6).toISOString().replace(".000Z", "Z");

function fail(message) {
  console.error(message);
  process.exit(1);
}

// The lines that a person needs of a refused call: the sentence, the reason, the fields.
function explain(error) {
  const lines = [error.metadata ? `${grpc.status[error.code]}: ${error.details}` : error.message];
  for (const bytes of error.metadata?.get("grpc-status-details-bin") ?? []) {
    for (const { type_url, value } of definition["google.rpc.Status"].deserialize(bytes).details) {
      const type = type_url.split("/").pop();
      const detail = definition[type]?.deserialize(value);
      if (type === "google.rpc.ErrorInfo") {
        const known = Object.entries(detail.metadata).map(([key, text]) => `${key}=${text}`);
        lines.push(`reason ${detail.reason}` + (known.length ? ` (${known.sort().join(", ")})` : ""));
      } else if (type === "google.rpc.BadRequest") {
        detail.field_violations.forEach((v) => lines.push(`field ${v.field}: ${v.description}`));
      } else if (type === "google.rpc.RetryInfo") {
        lines.push(`try again in ${detail.retry_delay.seconds} s`);
      }
    }
  }
  return lines.join("\n    ");
}

// All work items, the most urgent first, page by page.
async function* listQueue() {
  let page_token = "";
  do {
    const page = await call(queue, "ListWorkItems", { parent: seller, page_size: 100, page_token });
    yield* page.work_items;
    page_token = page.next_page_token;
  } while (page_token);
}

// Approves the first return that may be approved; says why for those that may not.
async function approveFirst(names) {
  for (const name of names) {
    try {
      // The id is made once for the decision, not once for the try: the host answers a repeated
      // request with it as it did the first time, so a lost answer can be asked for again.
      const approved = await call(returns, "ApproveReturn", { name, request_id: randomUUID() });
      console.log(`  ${approved.name} is ${approved.status}, etag ${approved.etag}`);
      return approved.name;
    } catch (error) {
      if (error.code !== grpc.status.FAILED_PRECONDITION) throw error;
      console.log(`  ${name} is not ours to approve\n    ${explain(error)}`);
    }
  }
  fail("No return could be approved.");
}

// Follows the events from the token until the approval of the return is seen.
async function watchUntilApproved(name, resume_token) {
  const stream = events.Watch({ parent: seller, resume_token }, within(60));
  try {
    for await (const message of stream) {
      resume_token = message.resume_token; // store it once the event is handled, and resume with it
      const event = message.event; // null in a heartbeat
      if (event?.subject !== name) continue;
      console.log(`  ${time(event.occurred_at)}  ${event.body.padEnd(24)}  ${event.status_after}`);
      if (event.body === "return_approved") return resume_token;
    }
  } finally {
    stream.on("error", () => {}); // cancelling reports itself as an error
    stream.cancel();
  }
  fail("The events ended before the approval was seen.");
}

try {
  console.log(`Queue of ${seller}`);
  const openRequests = new Set();
  for await (const item of listQueue()) {
    const late = item.overdue ? "  OVERDUE" : "";
    console.log(`  ${time(item.due_at)}  ${item.order_external_id.padEnd(20)} ${item.action}${late}`);
    if (item.kind === "KIND_RETURN_RESPONSE") openRequests.add(item.subject);
  }
  console.log("Approve the most urgent");
  const name = await approveFirst(openRequests);
  console.log("Events of it");
  const token = await watchUntilApproved(name, options["resume-token"]);
  console.log(`Go on from here with --resume-token ${token}`);
} catch (error) {
  fail(explain(error));
} finally {
  [queue, returns, events].forEach((client) => client.close());
}
