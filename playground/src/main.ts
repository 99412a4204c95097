/**
 * The playground's entry: mounts the app on the page.
 *
 * @module
 */
import { mount } from "svelte";
import App from "./App.svelte";
import "./theme.css";

const target = document.getElementById("app");
if (target === null) throw new Error("The page has no element #app");
mount(App, { target });
