"""A real JupyterLab, a real browser, and the learner's notebooks with their trainings cut to seconds."""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import time
from pathlib import Path

import nbformat.v4
import papermill.iorw
import papermill.parameterize
import pytest
import requests

from course_utils.commands import lab as lab_command
from course_utils.commands import ledger
from course_utils.datasets import store

PROJECT = Path(__file__).resolve().parents[2]
REPORTS = PROJECT / "reports" / "browser"
# A browser that asks nobody for anything: what it opens is on this machine.
CHROMIUM_OPTIONS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="package")
def browser(require):
    """Chromium, without a window."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    require(path, f"there is no Chromium here (looked for {', '.join(NAMES)}). Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's own sandbox refuses to run as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*CHROMIUM_OPTIONS, *(["--no-sandbox"] if root else [])]
        )
        yield browser
        browser.close()


class Lab:
    """A running JupyterLab.

    Attributes:
        url: Its address, on loopback only.
        folder: What it serves.
    """

    def __init__(self, url: str, token: str, folder: Path):
        self.url, self.folder = url, folder
        self._headers = {"Authorization": f"token {token}"}
        self.token = token

    def add(self, name: str, notebook) -> None:
        """Put a notebook into its folder."""
        nbformat.write(notebook, self.folder / f"{name}.ipynb")

    def has_idle_kernel(self) -> bool:
        """Say whether a kernel waits for work, with a page connected to it."""
        kernels = requests.get(f"{self.url}/api/kernels", headers=self._headers, timeout=10).json()
        return any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in kernels)

    def stop_kernels(self) -> None:
        """End every kernel: one chapter at a time fits into memory."""
        for session in requests.get(f"{self.url}/api/sessions", headers=self._headers, timeout=10).json():
            requests.delete(f"{self.url}/api/sessions/{session['id']}", headers=self._headers, timeout=30)


@pytest.fixture(scope="package")
def lab(tmp_path_factory, bring_weights):
    """JupyterLab as `course lab` starts it, on a folder of its own, with bundled data, and somebody watching."""
    folder = tmp_path_factory.mktemp("lab")
    served, cache, settings = folder / lab_command.FOLDER, folder / "cache", folder / "settings"
    served.mkdir()
    bring_weights(cache)
    # Cells that are scrolled away stay in the page.
    tracker = settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text(json.dumps({"windowingMode": "none"}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = lab_command.command_line("", port, browser=False, root=folder)
    log = (folder / "lab.log").open("w")
    with lab_command.kernel_environment() as environment:
        environment = {name: value for name, value in environment.items() if not name.startswith("COURSE_")}
        environment |= {
            "COURSE_CACHE_DIR": str(cache),
            "COURSE_MODELS_DIR": str(folder / "models"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTER_TOKEN": token,
        }
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        running = Lab(f"http://127.0.0.1:{port}", token, served)
        try:
            for _ in range(240):
                with contextlib.suppress(requests.ConnectionError):
                    if requests.get(f"{running.url}/api", timeout=5).ok:
                        break
                assert process.poll() is None, (folder / "lab.log").read_text()
                time.sleep(0.25)
            else:
                pytest.fail("JupyterLab does not answer:\n" + (folder / "lab.log").read_text())
            yield running
            running.stop_kernels()
        finally:
            process.terminate()
            process.wait(20)
            log.close()


class Page:
    """A notebook open in the browser.

    Attributes:
        page: Playwright's page.
        errors: What the browser's console called an error, and what nobody caught.
    """

    def __init__(self, page, lab: Lab, name: str):
        self.page, self.name, self.errors = page, name, []
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{lab.url}/lab/tree/{lab.folder.name}/{name}.ipynb?reset&token={lab.token}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        # The page says "idle" even before there is a kernel.
        for _ in range(120):
            if lab.has_idle_kernel():
                break
            page.wait_for_timeout(500)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        page.wait_for_timeout(500)

    def run_all(self, seconds: float) -> None:
        """Choose Run, Run All Cells, and wait until every cell has run."""
        self.start_all()
        self.wait_until_run(seconds)

    def start_all(self) -> None:
        """Choose Run, Run All Cells."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def wait_until_run(self, seconds: float) -> None:
        """Wait until every code cell has a number, or one has failed."""
        self.page.wait_for_function(
            """() => {
                const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')];
                const empty = (cell) => !cell.querySelector('.cm-content').textContent.trim();
                const done = (cell) => /\\[\\d+\\]/.test(cell.querySelector('.jp-InputPrompt').textContent);
                return cells.every((cell) => empty(cell) || done(cell)) ||
                    document.querySelector('[data-mime-type="application/vnd.jupyter.error"]');
            }""",
            timeout=1000 * seconds,
        )
        self.check_no_error()
        self.page.wait_for_selector('.jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status="idle"]')

    def check_no_error(self) -> None:
        """Fail where a cell or a widget shows an error, or the browser's console has one."""
        shown = self.page.locator('[data-mime-type="application/vnd.jupyter.error"], .jp-OutputArea [role="alert"]')
        assert shown.count() == 0, shown.first.inner_text()
        assert self.errors == []

    def widget(self, hint: str) -> "Widget":
        """Find a widget by a part of its hint."""
        return Widget(self, hint)

    def note(self, name: str, value: float) -> None:
        """Note a number for the record."""
        MEASURED.setdefault(self.name, {}).setdefault(name, []).append(value)

    def check(self, seconds: float) -> None:
        """Fail where there was an error, or where the median of the drawings took longer than that budget.

        It is for a machine whose yardstick takes 60 s, and grows with what was measured here in the last two hours.
        """
        self.check_no_error()
        drawings, today = MEASURED[self.name]["drawing"], (ledger.yardstick(PROJECT) or 60) / 60
        assert statistics.median(drawings) <= seconds * max(1, today), (sorted(drawings), today)

    def keep(self, name: str, locator=None) -> None:
        """Keep a screenshot of the page or of a part of it."""
        REPORTS.mkdir(parents=True, exist_ok=True)
        (locator or self.page).screenshot(path=REPORTS / f"{name}.png")


class Widget:
    """One widget of the course in the page."""

    def __init__(self, page: Page, hint: str):
        self.notebook = page
        self.place = page.page.locator(".jp-OutputArea-output").filter(has_text=re.compile(f"Try:.*{re.escape(hint)}"))
        assert self.place.count() == 1, f"{self.place.count()} widgets with the hint {hint!r}"
        self.place.scroll_into_view_if_needed()
        self.status = self.place.locator('[role="status"]')
        self.picture = self.place.locator("img.widget-image")

    def _control(self, name: str, kind: str):
        """Find a control by its label."""
        label = self.notebook.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(name)}$"))
        return self.place.locator(kind).filter(has=label)

    def slider(self, name: str):
        """Find the handle of a slider, which takes the keys."""
        return self._control(name, ".widget-slider").locator(".noUi-handle")

    def choices(self, name: str):
        """Find the buttons of a row to choose from."""
        return self._control(name, ".widget-toggle-buttons").get_by_role("button")

    def choice(self, name: str, word: str):
        """Find one of these buttons by its word."""
        return self._control(name, ".widget-toggle-buttons").get_by_role("button", name=word, exact=True)

    def field(self, name: str):
        """Find a text field."""
        return self._control(name, ".widget-text").locator("input")

    def button(self, name: str):
        """Find a button."""
        return self.place.get_by_role("button", name=name, exact=True)

    @property
    def canvas(self):
        """The pad to draw on."""
        return self.place.locator("canvas")

    def drag(self, name: str, pixels: int) -> None:
        """Drag a slider with the mouse."""
        frame, mouse = self.slider(name).bounding_box(), self.notebook.page.mouse
        across, down = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
        mouse.move(across, down)
        mouse.down()
        mouse.move(across + pixels, down, steps=5)
        mouse.up()

    def type(self, name: str, text: str, last: str = "") -> None:
        """Replace what a text field says, key by key, and press a last key where one is given."""
        field = self.field(name)
        field.press("Control+a")
        field.press_sequentially(text, delay=20)
        if last:
            field.press(last)

    def draw(self, strokes) -> None:
        """Draw on the pad with the mouse.

        Args:
            strokes: For each its points (across, down), in shares of the pad's side.
        """
        mouse = self.notebook.page.mouse
        for stroke in strokes:
            places = self._on_the_pad(stroke)
            mouse.move(*places[0])
            mouse.down()
            for place in places[1:]:
                mouse.move(*place, steps=6)
            mouse.up()

    def _on_the_pad(self, stroke) -> list[tuple[float, float]]:
        """Scroll to the pad, and turn shares of its side into places in the window."""
        self.canvas.scroll_into_view_if_needed()
        frame = self.canvas.bounding_box()
        return [(frame["x"] + across * frame["width"], frame["y"] + down * frame["height"]) for across, down in stroke]

    def draw_by_finger(self, stroke) -> None:
        """Draw one stroke on the pad as on a touch screen."""
        page = self.notebook.page
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        for place, (across, down) in enumerate(self._on_the_pad(stroke)):
            point = {"x": across, "y": down}
            kind = "touchMove" if place else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
        session.detach()

    def clear(self) -> None:
        """Press the pad's button, and wait until the kernel knows."""
        self.button("Clear").click()
        self.status.filter(has_text="The pad is empty").wait_for()

    def after(self, act, *arguments) -> str:
        """Do something, wait until it is drawn anew, and return the line of text."""
        which = "place => place.querySelector('[role=\"status\"]')?.dataset.drawing"
        before, began = self.place.evaluate(which), time.perf_counter()
        act(*arguments)
        self.notebook.page.wait_for_function(
            f"([place, before]) => ![undefined, before].includes(({which})(place))",
            arg=[self.place.element_handle(), before],
            timeout=10_000,
            polling=10,
        )
        self.notebook.note("round trip", time.perf_counter() - began)
        self.notebook.page.wait_for_timeout(150)  # what follows the first of several pictures
        self.note()
        return self.status.inner_text()

    def note(self) -> None:
        """Note how long the kernel says that the latest drawing took."""
        milliseconds = self.status.get_attribute("data-milliseconds")
        if milliseconds:
            self.notebook.note("drawing", int(milliseconds) / 1000)

    def keep(self, name: str) -> None:
        """Keep a screenshot."""
        self.notebook.keep(name, self.place)


MEASURED: dict[str, dict[str, list[float]]] = {}


@pytest.fixture(scope="package", autouse=True)
def _measured():
    """Write down what was measured; what another run measured in other notebooks stays."""
    yield
    record = REPORTS / "measured.json"
    medians = json.loads(record.read_text()) if record.is_file() else {}
    for name, kinds in MEASURED.items():
        medians[name] = {kind: round(statistics.median(seconds), 3) for kind, seconds in kinds.items()}
    REPORTS.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(medians, indent=2))


@pytest.fixture
def open_notebook(browser, lab):
    """A function (name, notebook): open a notebook in a fresh window."""
    contexts = []

    def open_it(name, notebook):
        lab.add(name, notebook)
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        return Page(contexts[-1].new_page(), lab, name)

    yield open_it
    for context in contexts:
        for page in context.pages:
            REPORTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=REPORTS / "last_page.png")
        context.close()
    lab.stop_kernels()


@pytest.fixture
def open_chapter(open_notebook):
    """A function (chapter): open its learner edition with SMOKE = True."""

    def open_it(chapter):
        (path,) = (PROJECT / "notebooks").glob(f"{chapter}_*.ipynb")
        notebook = papermill.iorw.load_notebook_node(str(path))
        return open_notebook(path.stem, papermill.parameterize.parameterize_notebook(notebook, {"SMOKE": True}))

    return open_it


@pytest.fixture(scope="session")
def make_notebook():
    """A function (code, code, ...): a notebook of code cells."""

    def make(*cells):
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
        return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})

    return make


@pytest.fixture(scope="package")
def mirror_of_ci():
    """The folder with the full MNIST, or None; the tests themselves see no mirror."""
    folder = store.mirror_dir()
    return str(folder) if folder and (folder / "mnist.npz").is_file() else None
