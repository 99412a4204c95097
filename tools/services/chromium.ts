/** The browser of the end-to-end suites, which start it by themselves. */
import { aptInstall, findProgram } from "./apt.ts";
import { given, type Service } from "./service.ts";

const VARIABLE = "FLUXBASE_TEST_CHROMIUM";

const PROGRAMS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** Tells the path of a Chromium; nothing runs until a suite starts it. */
export const chromium: Service = {
  name: "Chromium",
  async start(options) {
    const there = given(VARIABLE);
    if (there) return there;
    let path = await findProgram(PROGRAMS);
    if (path === undefined && await aptInstall(["chromium"], options)) {
      path = await findProgram(PROGRAMS);
    }
    if (path !== undefined) {
      return { environment: { [VARIABLE]: path }, stop: () => Promise.resolve() };
    }
    return {
      missing: `no Chromium in PATH: install it (Debian: apt-get install chromium), or set ` +
        `${VARIABLE} to its path`,
    };
  },
};
