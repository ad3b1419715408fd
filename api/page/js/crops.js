// The best few pictures of a person.

import { h } from "./dom.js";
import { when, wholeTime } from "./format.js";
import { pictureOf } from "./portrait.js";
import { reads, section } from "./section.js";

export function cropStrip(id, scope) {
  return section("Pictures", {
    // Of a past moment they may be gone by now: that of somebody who was forgotten, or one that was replaced.
    route: "/persons/{person_id}/crops", scope, liveOnly: true,
    load: async signal => {
      const { crops } = await reads(`/persons/${encodeURIComponent(id)}/crops`)(signal);
      return crops.length ? crops : null;
    },
    draw: (body, crops) => body.replaceChildren(h("div", { class: "crops", tabindex: "0", role: "group", "aria-label": "Pictures, best first" }, ...crops.map(figure))),
  });
}

function figure(crop) {
  const image = h("img", { alt: `At ${crop.camera_id}, ${wholeTime(crop.at)}`, width: 84, height: 150 });
  const shown = h("figure", null, image, h("figcaption", null, `${crop.camera_id} · ${when(crop.at)}`));
  pictureOf(crop.url).then(url => (url ? (image.src = url) : shown.remove()));
  return shown;
}
