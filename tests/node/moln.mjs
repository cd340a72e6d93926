// A Moln process for the tests of one file: started on a free port, stopped when they are done.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const binary = process.env.MOLN_BIN ?? fileURLToPath(new URL("../../target/release/moln", import.meta.url));

async function freePort() {
  const probe = net.createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Starts Moln on an empty data directory. `stop()` sends SIGTERM and fails unless it exits with 0. */
export async function startMoln() {
  const home = await mkdtemp(path.join(os.tmpdir(), "moln-node-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const listen = new URL(url).host;
  const child = spawn(binary, ["serve", "--data", path.join(home, "data"), "--listen", listen], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  process.once("exit", () => child.kill("SIGKILL"));
  await healthy(url, child);
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      const code = await exited;
      await rm(home, { recursive: true, force: true });
      if (code !== 0) throw new Error(`moln exited with ${code}`);
    },
  };
}

async function healthy(url, child) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`moln exited with ${child.exitCode}`);
    try {
      if ((await fetch(`${url}/_moln/health`)).ok) return;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("moln did not become healthy in 20 s");
}

/** A queue name nobody else has. */
export const newName = (stem = "q") => `${stem}-${randomUUID().slice(0, 12)}`;
