// A black square to draw on in white: with mouse, pen or finger, or with the keyboard (arrows move, the space bar lowers
// and lifts the pen). The kernel gets the strokes and turns them into the picture that the network sees.

const SIDE = 224; // pixels of the screen
const PEN = 16;
const STEP = 1 / 28; // of the side, for a press of an arrow key
const PAUSE = 120; // milliseconds between two messages to the kernel while a stroke grows

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute(
    "aria-label",
    "Pad to draw a digit on. Arrow keys move the pen, the space bar lowers and lifts it, Delete clears the pad.",
  );
  canvas.setAttribute("data-lm-suppress-shortcuts", "true");
  Object.assign(canvas.style, { background: "black", cursor: "crosshair", touchAction: "none", display: "block" });
  const clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Clear";
  clear.className = "jupyter-widgets jupyter-button widget-button";
  const keys = document.createElement("div");
  keys.textContent = "Mouse or finger; or arrow keys and space bar";
  Object.assign(keys.style, { fontSize: "11px", width: `${SIDE}px` });
  el.append(canvas, clear, keys);

  const ink = canvas.getContext("2d");
  let strokes = [];
  let pointer = null; // the pointer that draws at present
  let pen = null; // where the keyboard's pen is: {across, down, lowered}
  let timer = null;

  function paint() {
    ink.clearRect(0, 0, SIDE, SIDE);
    if (!strokes.length) {
      paintPixels();
    }
    Object.assign(ink, { strokeStyle: "white", fillStyle: "white", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      ink.beginPath();
      ink.moveTo(stroke[0][0] * SIDE, stroke[0][1] * SIDE);
      for (const [across, down] of stroke) {
        ink.lineTo(across * SIDE, down * SIDE);
      }
      ink.stroke();
    }
    if (pen) {
      ink.beginPath();
      ink.arc(pen.across * SIDE, pen.down * SIDE, PEN / 2 + 3, 0, 2 * Math.PI);
      Object.assign(ink, { strokeStyle: pen.lowered ? "#E69F00" : "#56B4E9", lineWidth: 3 });
      ink.stroke();
    }
  }

  function paintPixels() {
    const side = SIDE / 28;
    model.get("pixels").forEach((row, down) =>
      row.forEach((level, across) => {
        ink.fillStyle = `rgb(${level}, ${level}, ${level})`;
        ink.fillRect(across * side, down * side, side, side);
      }),
    );
  }

  function send() {
    clearTimeout(timer);
    timer = null;
    model.set("strokes", structuredClone(strokes));
    model.save_changes();
  }

  function sendSoon() {
    timer ??= setTimeout(send, PAUSE);
  }

  function place(event) {
    const frame = canvas.getBoundingClientRect();
    const share = (value) => Math.min(1, Math.max(0, value));
    return [share((event.clientX - frame.left) / frame.width), share((event.clientY - frame.top) / frame.height)];
  }

  function wipe() {
    strokes = [];
    pen = null;
    model.set("pixels", Array.from({ length: 28 }, () => Array(28).fill(0)));
    send();
    paint();
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) {
      return;
    }
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    pen = null;
    strokes.push([place(event)]);
    paint();
    sendSoon();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) {
      return;
    }
    strokes.at(-1).push(place(event));
    paint();
    sendSoon();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId === pointer) {
        pointer = null;
        send();
      }
    });
  }
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move && event.key !== " " && event.key !== "Delete") {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Delete") {
      wipe();
      return;
    }
    pen ??= { across: 0.5, down: 0.5, lowered: false };
    if (move) {
      pen.across = Math.min(1, Math.max(0, pen.across + move[0] * STEP));
      pen.down = Math.min(1, Math.max(0, pen.down + move[1] * STEP));
    } else {
      pen.lowered = !pen.lowered;
      if (pen.lowered) {
        strokes.push([]);
      }
    }
    if (pen.lowered) {
      strokes.at(-1).push([pen.across, pen.down]);
      sendSoon();
    }
    paint();
  });
  canvas.addEventListener("blur", () => {
    pen = null;
    paint();
  });
  clear.addEventListener("click", wipe);

  function follow() {
    // A sample or a file was chosen: the kernel emptied the strokes and set the pixels.
    if (!model.get("strokes").length && pointer === null && !timer) {
      strokes = [];
    }
    paint();
  }
  model.on("change:strokes", follow);
  model.on("change:pixels", follow);
  paint();
  return () => {
    clearTimeout(timer);
    model.off("change:strokes", follow);
    model.off("change:pixels", follow);
  };
}

export default { render };
