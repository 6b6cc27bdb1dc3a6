/**
 * What was typed and waits for a connection, by bot. It outlives the page: a person who writes and goes on to another page has
 * still written. `take` empties it, so that of two connections to one bot only one sends.
 */
export class Outbox {
  #waiting = new Map<string, string[]>();

  put(bot: string, text: string): void {
    this.#waiting.set(bot, [...this.of(bot), text]);
  }

  of(bot: string): readonly string[] {
    return this.#waiting.get(bot) ?? [];
  }

  take(bot: string): readonly string[] {
    const texts = this.of(bot);
    this.#waiting.delete(bot);
    return texts;
  }

  clear(): void {
    this.#waiting.clear();
  }
}
