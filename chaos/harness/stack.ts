/** Disposes of many things in the reverse of the order in which they came; Node 20 has no AsyncDisposableStack. */
export class Stack implements AsyncDisposable {
  private readonly items: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(item: T): T {
    this.items.push(item);
    return item;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const item of this.items.splice(0).reverse()) await item[Symbol.asyncDispose]();
  }
}
