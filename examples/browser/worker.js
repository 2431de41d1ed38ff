// Renders off the page's thread. Takes {folder, options} to start a piece and "next" for a block of it.

import { Player } from "./player.js";

let blocks;

onmessage = async ({ data }) => {
  try {
    if (data === "next") {
      const { value } = await blocks.next();
      postMessage({ block: value }, value.map((side) => side.buffer));
    } else {
      const player = await Player.load(data.folder, data.options);
      blocks = player.stream();
      postMessage({ ready: player.about });
    }
  } catch (error) {
    postMessage({ failed: error.message });
  }
};
