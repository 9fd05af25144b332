/** Something this package will not work with: a folder, a file or a key that is not safe to use. The message is whole, and says what to do. */
export class SecurityRefusal extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SecurityRefusal';
  }
}
