// Loads the module as a page would, and checks what it does.
// usage: node check.mjs MODULE.wasm

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const fetches = [];
const answers = [];
const page = {
  fetch: (key) => fetches.push(key),
  answer: (call, value, led) => answers.push({ call, value, led: led === 1 }),
};

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), { page });
const { ask, fetched, give_up: giveUp, in_flight: inFlight } = instance.exports;

/** Checks what was fetched and answered since the last step, and that nothing stayed behind. */
function step(name, expected) {
  const byCall = (a, b) => a.call - b.call;
  const seen = { fetches: fetches.splice(0), answers: answers.splice(0).sort(byCall) };
  assert.deepEqual(seen, expected, name);
  assert.equal(inFlight(), 0, name);
  console.log(`ok ${name}: ${seen.answers.length} answers, ${seen.fetches.length} fetches`);
}

{
  const calls = [ask(7), ask(7), ask(7)];
  assert.deepEqual(answers, [], "nothing was fetched yet");
  fetched(7, 42);
  step("one fetch serves three", {
    fetches: [7],
    answers: calls.map((call, index) => ({ call, value: 42, led: index === 0 })),
  });
}
{
  const [first, second, third] = [ask(7), ask(7), ask(7)];
  giveUp(first);
  fetched(7, 43);
  step("the first gave up, the second fetched anew", {
    fetches: [7, 7],
    answers: [
      { call: second, value: 43, led: true },
      { call: third, value: 43, led: false },
    ],
  });
}
{
  const [left, right] = [ask(1), ask(2)];
  assert.equal(inFlight(), 2, "two keys are in flight");
  fetched(2, 20);
  fetched(1, 10);
  step("two keys do not wait for each other", {
    fetches: [1, 2],
    answers: [
      { call: left, value: 10, led: true },
      { call: right, value: 20, led: true },
    ],
  });
}
{
  const call = ask(7);
  giveUp(call);
  fetched(7, 44);
  step("nobody is left, and what comes late is dropped", { fetches: [7], answers: [] });
}
{
  const rounds = 1000;
  const before = instance.exports.memory.buffer.byteLength;
  for (let round = 0; round < rounds; round++) {
    ask(round % 10);
    ask(round % 10);
    fetched(round % 10, round);
  }
  assert.equal(fetches.splice(0).length, rounds);
  assert.equal(answers.splice(0).length, 2 * rounds);
  const after = instance.exports.memory.buffer.byteLength;
  assert.equal(after, before, "the memory has grown");
  step("a thousand rounds took no fresh memory", { fetches: [], answers: [] });
}
