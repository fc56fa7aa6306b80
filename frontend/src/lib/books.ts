import type { Book } from "./api-client";

/** The open book with the most resting orders, the first by name of several; null without any. */
export function busiest(books: readonly Book[]): string | null {
  let found: Book | null = null;
  for (const book of books) {
    if (book.status === "open" && book.resting > (found?.resting ?? 0)) found = book;
  }
  return found?.id ?? null;
}
