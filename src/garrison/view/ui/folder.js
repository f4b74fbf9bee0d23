// The page of a folder that `garrison view bundle` made.

import { folder } from "./library.js";

await folder(/** @type {HTMLElement} */ (document.getElementById("app")));
