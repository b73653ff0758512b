// The agent behind the page: events down by SSE, requests up by POST. The browser holds no certificate and no key.

const RETRY_MS = 1000;

export class Agent {
  /** The shop, its menu and its settings; retries until the agent answers. */
  async shop(waiting = () => {}) {
    for (;;) {
      try {
        const response = await fetch("/api/shop", { cache: "no-store" });
        if (response.ok) return await response.json();
      } catch {
        // The agent starts after the browser, or restarts.
      }
      waiting();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Call `on(name, data)` for every event. The browser reconnects by itself, and the agent says hello again. */
  listen(names, on) {
    const events = new EventSource("/api/events");
    for (const name of names) events.addEventListener(name, (event) => on(name, JSON.parse(event.data)));
    return () => events.close();
  }

  /** POST an object as JSON; the answer's JSON, or null for one without content. Throws Refused or a TypeError. */
  async post(path, body = {}) {
    return read(await fetch(`/api/${path}`, request(JSON.stringify(body), "application/json")));
  }

  /** POST bytes. */
  async send(path, bytes, type) {
    return read(await fetch(`/api/${path}`, request(bytes, type)));
  }

  /** POST, and do without an answer: what nobody waits for must never show an error. */
  tell(path, body = {}) {
    this.post(path, body).catch(() => {});
  }
}

/** The agent refused a request; a retry is useless. */
export class Refused extends Error {}

const request = (body, type) => ({ method: "POST", body, headers: { "content-type": type }, cache: "no-store" });

async function read(response) {
  if (response.status >= 500) throw new TypeError(`the agent answered ${response.status}`);
  if (!response.ok) throw new Refused((await response.json().catch(() => ({}))).error ?? `status ${response.status}`);
  return response.status === 200 ? response.json() : null;
}
