// The latest picture of a camera, again and again, while somebody can see it.

import { has, picture, Refused } from "./api.js";
import { moment } from "./state.js";

const FRAME_MS = 500;
const SHARE_MS = 50; // as many pictures of all cameras a second as a caller may ask for beside everything else
const NONE_MS = 5000; // pictures are off, or there is none yet

const showing = new Set(); // tiles with a picture that somebody can see

// Calls `show({ url, width, height, boxes })`, or `show(null)` where there is no picture now.
export function followFrames(camera, node, scope, streaming, show) {
  if (!has("/cameras/{camera_id}/frame.jpg")) return;
  const path = `/cameras/${encodeURIComponent(camera)}/frame.jpg`;
  let visible = false, last = null, timer = 0;
  const watcher = new IntersectionObserver(entries => {
    visible = entries.at(-1).isIntersecting;
    if (visible) again(0);
    else showing.delete(node);
  });
  watcher.observe(node);

  const again = wait => {
    clearTimeout(timer);
    if (!scope.ended) timer = setTimeout(step, wait);
  };
  const put = found => {
    const before = last;
    last = found;
    if (found && visible) showing.add(node);
    else showing.delete(node);
    show(found);
    if (before) URL.revokeObjectURL(before.url);
  };
  const step = async () => {
    if (!visible || document.hidden) return;
    if (moment.get() !== null || !streaming()) {
      if (last) put(null);
      return again(1000);
    }
    try {
      const found = await frame(path);
      if (scope.ended) return found && URL.revokeObjectURL(found.url);
      if (found || last) put(found);
      again(found ? Math.max(FRAME_MS, SHARE_MS * showing.size) : NONE_MS);
    } catch (error) {
      again(NONE_MS);
      if (!(error instanceof Refused)) throw error;
    }
  };
  const wake = () => document.hidden || again(0);
  document.addEventListener("visibilitychange", wake);
  scope.onEnd(() => {
    clearTimeout(timer);
    watcher.disconnect();
    showing.delete(node);
    document.removeEventListener("visibilitychange", wake);
    if (last) URL.revokeObjectURL(last.url);
  });
}

async function frame(path) {
  const image = await picture(path);
  if (image === null) return null;
  // Of this very picture: asked for apart, the boxes could be another's.
  const told = JSON.parse(image.headers.get("x-frame") ?? "{}");
  return { url: image.url, width: told.width ?? 0, height: told.height ?? 0, boxes: told.boxes ?? [] };
}
