// A class: many clients that follow one poll, and all vote in the same moment, round after round.
//
// Arguments: how many, and how often. Says for each round how long the votes took and when everybody had seen all of
// them, in ms, waits for the test's word, and at the end what each student sees.

import { api, client, end, extra, goOn, tell, until } from "./driver.mjs";

const [size, rounds] = extra.map(Number);

const students = Array.from({ length: size }, (_, number) => {
  const student = { number, voter: `student-${String(number).padStart(4, "0")}`, client: client(), results: 0 };
  student.client.onUpdate(api.poll.now, { voter: student.voter }, (value) => {
    student.sees = value;
    student.results += 1;
  });
  return student;
});
await until(() => students.every((each) => each.sees), "the first result of each");

for (let round = 0; round < rounds; round += 1) {
  const choices = students[0].sees.choices.map((each) => each._id);
  const choiceOf = (student) => (student.number * 7 + round) % choices.length;
  const wanted = choices.map((_, at) => students.filter((each) => choiceOf(each) === at).length);
  const hasAll = (student) =>
    student.sees.choices.every((each, at) => each.votes === wanted[at] && each.mine === (at === choiceOf(student)));
  const began = performance.now();
  const votes = students.map(async (student) => {
    await student.client.mutation(api.poll.vote, { choice: choices[choiceOf(student)], voter: student.voter });
    return performance.now() - began;
  });
  const took = await Promise.all(votes);
  await until(() => students.every(hasAll), `all of ${wanted}`);
  tell({ took, seen: performance.now() - began, wanted });
  await goOn();
}
tell({ counts: students.map((each) => each.sees.choices.map((choice) => choice.votes)), results: students.map((each) => each.results) });
await end(...students.map((each) => each.client));
