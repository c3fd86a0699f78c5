// Written by hand as `%convex codegen` writes it, for the cells of tests/server/test_react_app.py.
import { anyApi } from "convex/server";

export const api = anyApi;
