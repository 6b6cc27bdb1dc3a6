import { fetchFile } from "../api/client";

/** Fetches a file and hands it to the browser's downloads: a plain link could not carry the access token. */
export async function download(path: string): Promise<void> {
  const { name, content } = await fetchFile(path);
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken hold of the content by the next turn of the loop.
  setTimeout(() => URL.revokeObjectURL(address), 0);
}
