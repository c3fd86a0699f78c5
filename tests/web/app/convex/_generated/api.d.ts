// Written by hand as `%convex codegen` writes it, for the cells of tests/server/test_react_app.py.
import type { FunctionReference, PaginationOptions, PaginationResult } from "convex/server";
import type { GenericId } from "convex/values";

type Message = {
  _id: GenericId<"messages">;
  _creationTime: number;
  author: string;
  body: string;
  channel: string;
};

export declare const api: {
  messages: {
    newest: FunctionReference<"query", "public", { channel: string }, Message[]>;
    history: FunctionReference<
      "query",
      "public",
      { channel: string; paginationOpts: PaginationOptions },
      PaginationResult<Message>
    >;
    send: FunctionReference<"mutation", "public", { author: string; body: string; channel: string }, Message["_id"]>;
  };
};
