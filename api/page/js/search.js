// Who looks like this: by a picture, by a person, by clothes.

import { send } from "./api.js";
import { attributeChips } from "./attributes.js";
import { scoreBar } from "./alike.js";
import { pickPerson } from "./dialogs.js";
import { h } from "./dom.js";
import { count, score, when } from "./format.js";
import { personLink } from "./person_link.js";
import { portrait } from "./portrait.js";
import { cameras, moment } from "./state.js";

const LONGEST = 1024; // pixels of an uploaded picture's longer side: it is made smaller here

export const searchView = {
  title: "Search",
  open(root, scope) {
    const asked = { image: null, person: null };
    const shown = h("div", { class: "dropzone", tabindex: "0", role: "button" });
    const file = h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "Picture", onchange: () => take(file.files[0]) });
    const results = h("div", { class: "cards" });
    const said = h("p", { class: "soft number", role: "status" });
    const attributes = h("input", { class: "field", placeholder: "upper:red lower:dark bag:yes", "aria-label": "Clothes" });
    const since = h("input", { class: "field", type: "datetime-local" }), until = h("input", { class: "field", type: "datetime-local" });
    const camera = h("select", { class: "field" }, h("option", { value: "" }, "All cameras"), ...cameras.get().map(one => h("option", { value: one.camera_id }, one.camera_id)));
    const purpose = h("input", { class: "field", value: "looking for a person", required: true, maxlength: "200" });

    const draw = () => {
      if (asked.image) shown.replaceChildren(h("img", { src: asked.image.url, alt: "The picture searched for" }), h("span", null, "Another picture …"));
      else if (asked.person) shown.replaceChildren(portrait(asked.person, 64, { tall: true }), h("span", null, asked.person.label));
      else shown.replaceChildren(h("strong", null, "Drop a picture of a person"), h("span", null, "or choose a file, or paste one"));
    };
    const take = async given => {
      if (!given?.type.startsWith("image/")) return;
      try {
        Object.assign(asked, { image: await prepared(given), person: null });
      } catch {
        said.textContent = `${given.name || "That"} is no picture that this browser can read.`;
        return;
      }
      draw();
      run();
    };
    const choose = async () => {
      const person = await pickPerson({ title: "Who looks like …" });
      if (!person) return;
      Object.assign(asked, { person, image: null });
      draw();
      run();
    };
    const run = async () => {
      if (!asked.image && !asked.person && !attributes.value.trim()) {
        said.textContent = "Give a picture, a person or clothes first.";
        return;
      }
      said.textContent = "Searching …";
      results.replaceChildren();
      try {
        const body = {
          image: asked.image?.base64, person_id: asked.person?.person_id, attributes: attributes.value.trim() || undefined,
          since: since.value ? new Date(since.value).getTime() : undefined, until: until.value ? new Date(until.value).getTime() : moment.get() ?? undefined,
          cameras: camera.value ? [camera.value] : undefined, purpose: purpose.value.trim() || "looking for a person", limit: 24,
        };
        const answer = await send("POST", "/search", body);
        if (scope.ended) return;
        said.textContent = `${count(answer.results.length, "result")} among ${count(answer.searched, "person", "persons")} in ${Math.round(answer.ms)} ms`;
        results.replaceChildren(...answer.results.map(result));
      } catch (error) {
        said.textContent = error.message;
      }
    };
    const pasted = event => take([...(event.clipboardData?.files ?? [])][0]);
    addEventListener("paste", pasted);
    scope.onEnd(() => removeEventListener("paste", pasted));
    shown.addEventListener("click", () => file.click());
    shown.addEventListener("keydown", event => ["Enter", " "].includes(event.key) && (event.preventDefault(), file.click()));
    shown.addEventListener("dragover", event => event.preventDefault());
    shown.addEventListener("drop", event => { event.preventDefault(); take(event.dataTransfer.files[0]); });
    draw();
    root.append(h("div", { class: "heading" }, h("h1", null, "Search")), h("div", { class: "find" },
      h("form", { class: "card", "aria-label": "Search persons", onsubmit: event => { event.preventDefault(); run(); } }, shown, file,
        h("button", { type: "button", class: "button", onclick: choose }, "Like a known person …"),
        label("Clothes", attributes), label("From", since), label("To", until), label("Camera", camera), label("Purpose (kept in the audit)", purpose),
        h("button", { class: "button primary" }, "Search")),
      h("section", { class: "stack", "aria-label": "Results" }, said, results)));
  },
};

const label = (text, field) => h("label", null, text, field);

function result(one) {
  return h("article", { class: "card result" }, portrait(one, 64, { tall: true, crop: one.crop }), h("div", null, personLink(one, 24),
    h("div", { class: "chips" }, ...(one.score === null ? [] : [h("strong", { class: "number" }, score(one.score))]), h("span", { class: "small soft number" }, `last seen ${when(one.last_seen)}`)), ...(one.score === null ? [] : [scoreBar(one.score)]),
    h("div", { class: "chips" }, ...one.cameras.map(camera => h("span", { class: "chip" }, camera))), h("div", { class: "chips" }, ...attributeChips(one.attributes))));
}

// A photo from a phone is far larger than a person in it needs: smaller, as JPEG, base64.
async function prepared(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let binary = "";
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return { url: URL.createObjectURL(blob), base64: btoa(binary) };
}
