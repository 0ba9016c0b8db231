// Downloads, as the job asks for them: each is begun, ends once in one of a few ways, and tells the job's node.
// The invariant: the node is told exactly once, in a task of its own, unless the job has forgotten the transfer.

/** Fetches the files of one archive. */
export class Fetcher {
  #base;
  #conditions;
  #ended;

  /** `conditions()` is asked for each download: what the server shall do to it. `ended()` is called when one has ended. */
  constructor(base, conditions, ended) {
    this.#base = base;
    this.#conditions = conditions;
    this.#ended = ended;
  }

  begin(path, most, silence, done) {
    const conditions = this.#conditions();
    const url = `${this.#base}/${path}${conditions && `?${conditions}`}`;
    const transfer = new Transfer(done, this.#ended);
    void transfer.run(url, most, silence);
    return transfer;
  }
}

class Transfer {
  /** How it ended: here, status, large, silent, cut, broken, cancelled. */
  end = undefined;
  status = 0;
  trouble = undefined;
  announced = 0;
  arrived = 0;
  #parts = [];
  #controller = new AbortController();
  /** Why it was broken off, if that was us. */
  #cause = undefined;
  #done;
  #ended;

  constructor(done, ended) {
    this.#done = done;
    this.#ended = ended;
  }

  async run(url, most, silence) {
    let timer;
    const patience = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#break('silent'), silence);
    };
    try {
      patience();
      const response = await fetch(url, { signal: this.#controller.signal, cache: 'no-store', credentials: 'omit' });
      this.status = response.status;
      if (response.status !== 200) {
        this.#cause ??= 'status';
        this.#controller.abort();
      } else {
        this.announced = Number(response.headers.get('content-length') ?? 0);
        const reader = response.body.getReader();
        for (;;) {
          patience();
          const { done, value } = await reader.read();
          if (done) break;
          this.arrived += value.length;
          if (this.arrived > most) {
            this.#break('large');
            break;
          }
          this.#parts.push(value);
        }
        this.#cause ??= this.arrived < this.announced ? 'cut' : 'here';
      }
    } catch (error) {
      this.trouble = String(error?.message ?? error);
      this.#cause ??= this.arrived < this.announced ? 'cut' : 'broken';
    } finally {
      clearTimeout(timer);
    }
    this.end = this.#cause;
    const done = this.#done;
    if (!done) return;
    this.#done = undefined;
    done.wake();
    done.free();
    this.#ended();
  }

  /** The bytes; they are handed out once. */
  take() {
    const bytes = new Uint8Array(this.arrived);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    return bytes;
  }

  cancel() {
    this.#break('cancelled');
  }

  forget() {
    this.#done?.free();
    this.#done = undefined;
    this.#break('cancelled');
  }

  #break(cause) {
    this.#cause ??= cause;
    this.#controller.abort();
  }
}
