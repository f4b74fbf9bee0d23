// A session of the server: frames are answered one after the other.

/** A WebSocket of this server. @param {string} path */
export function socketTo(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  return new WebSocket(url);
}

/** An answer that is an error. */
export class ServerError extends Error {}

export class Session {
  /** @param {string} id of a session that outlives its connections */
  constructor(id) {
    this.id = id;
    this.socket = socketTo(`ws?session_id=${id}`);
    /** @type {{resolve: (data: any) => void, reject: (error: Error) => void}[]} */
    this.waiting = [];
    this.opened = new Promise((resolve, reject) => {
      this.socket.addEventListener("open", resolve);
      this.socket.addEventListener("close", () => reject(new ServerError("the connection was refused")));
    });
    this.socket.addEventListener("message", (event) => this.answered(JSON.parse(event.data)));
    this.socket.addEventListener("close", () => {
      for (const { reject } of this.waiting.splice(0)) reject(new ServerError("the connection ended; reload the page"));
    });
  }

  /** @param {{type: string, data: any}} answer */
  answered(answer) {
    const waits = this.waiting.shift();
    if (!waits) return;
    if (answer.type === "error") waits.reject(new ServerError(answer.data.message));
    else waits.resolve(answer.data);
  }

  /** Send a frame; gives the data of its answer. @param {string} type @param {any} data @returns {Promise<any>} */
  async ask(type, data = undefined) {
    await this.opened;
    const answer = new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.socket.send(JSON.stringify(data === undefined ? { type } : { type, data }));
    return answer;
  }

  /** End the session, and its game with it. */
  end() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "close" }));
  }

  close() {
    this.socket.close();
  }
}
