// Workflow 4 of the guide: an upload address from a mutation, the file by fetch, its id into a document, its address.
import { api, httpClient, tell } from "./driver.mjs";

const client = httpClient();
const file = new File(["hello ".repeat(50_000)], "hello.txt", { type: "text/plain" });

const uploadUrl = await client.mutation(api.storage.generateUploadUrl, {});
const result = await fetch(uploadUrl, { method: "POST", headers: { "Content-Type": file.type }, body: file });
const { storageId } = await result.json();
const saved = await client.mutation(api.storage.saveFile, {
  storageId,
  filename: file.name,
  contentType: file.type,
});
const url = await client.query(api.storage.getFileUrl, { storageId });
const got = await fetch(url);

tell({
  status: result.status,
  saved: typeof saved,
  contentType: got.headers.get("Content-Type"),
  isWhole: (await got.text()) === (await file.text()),
  isSame: await client.query(api.storage.getFileUrl, { storageId }).then((again) => again === url),
});
