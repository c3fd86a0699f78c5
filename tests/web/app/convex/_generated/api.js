// What `%convex codegen` writes, written by hand: tests/server/test_react_app.py puts the generated file in its place.
import { anyApi } from "convex/server";

export const api = anyApi;
