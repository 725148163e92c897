"""Train the course's backbone: a ResNet-20 on CIFAR-10, about an hour for 30 epochs on two cores.

    COURSE_DATA_DIR=<folder with cifar10_jpeg.tar.gz> python tools/pretrain_backbone.py

Interrupt it whenever you like and start it again with the same arguments: it goes on after the last whole epoch, and
the weights become those of a run that was never interrupted (to the last bit with one thread; several threads add up in
an order of their own). It leaves three files in the folder of `--out`:

    resnet20_cifar10.safetensors   the weights after the last epoch, float32, named "layer/variable"
    resnet20_cifar10.jsonl         the log: a line per epoch, then the test accuracy and the hash of the weights
    checkpoint.safetensors         where to go on; can be removed after the end

The recipe is that of He, Zhang, Ren and Sun 2015 (Deep Residual Learning for Image Recognition, arXiv:1512.03385,
section 4.2) in fewer epochs, with the step size going down along a cosine. It is fixed beforehand: nothing is chosen by
the validation pictures, which only fill the log, and the test pictures are looked at once, at the end.
"""

import argparse
import hashlib
import io
import json
import re
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from course_utils import device
from course_utils.datasets import store

ARCHIVE = store.DataFile(
    name="cifar10_jpeg.tar.gz",
    urls=(),
    sha256="8f641b0258b30b249ae2cc6dfc94432ca0d7e44e0e018bf6a08d17bacfc1bf9a",
    size=19_642_139,
)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PER_CLASS = {"train": 5_000, "test": 1_000}
PICTURE_PATH = re.compile(rf"(train|test)/({'|'.join(CLASSES)})/(\d{{4}})\.jpg", re.ASCII)
PICTURE_BYTES = 10_000
SIDE = 32
# Of each class the last training pictures are kept back to fill the log.
VALIDATION_PER_CLASS = 200

# Of red, green and blue over CIFAR-10's training pictures, in shares of 255: whoever uses the weights must scale alike.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)

EPOCHS = 30
BATCH_SIZE = 128
PEAK_RATE = 0.1
WARM_UP_EPOCHS = 2
# Keras subtracts rate * decay * weight beside the step: 5e-3 acts as a penalty of 5e-4 does under a momentum of 0.9.
WEIGHT_DECAY = 5e-3
PADDING = 4
NAME = "resnet20_cifar10"


class Pictures(NamedTuple):
    """Pictures with their classes.

    Attributes:
        x: (n, 32, 32, 3) uint8.
        y: (n,) int64, places in CLASSES.
    """

    x: np.ndarray
    y: np.ndarray


class Settings(NamedTuple):
    """What the weights depend on.

    Attributes:
        epochs: How often all pictures are seen.
        steps: Steps per epoch; 0 for as many as there are whole batches.
        seed: Decides the first weights, the order of the pictures and how each is shifted and mirrored.
    """

    epochs: int
    steps: int
    seed: int


def read_archive(path: Path) -> dict[str, Pictures]:
    """Read CIFAR-10 out of its archive as a stream; nothing of it is written to the disk.

    Args:
        path: A gzipped tar file of train/<class>/0000.jpg ... and test/<class>/0000.jpg ...

    Returns:
        {"train": 50,000 pictures, "test": 10,000}, class by class, each in the order of the numbers.

    Raises:
        store.DataError: It holds something else.
    """
    found = {}
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if member.isdir():
                continue
            match = PICTURE_PATH.fullmatch(member.name)
            if not match or not member.isreg() or member.size > PICTURE_BYTES or match.groups() in found:
                raise _not_cifar(path, f"it has {member.name!r:.100} in it")
            with Image.open(io.BytesIO(archive.extractfile(member).read()), formats=["JPEG"]) as picture:
                if picture.size != (SIDE, SIDE) or picture.mode != "RGB":
                    raise _not_cifar(path, f"{member.name} is {picture.mode} {picture.size}, not RGB (32, 32)")
                found[match.groups()] = np.asarray(picture)
    parts = {}
    for part, count in PER_CLASS.items():
        names = [(part, kind, f"{number:04d}") for kind in CLASSES for number in range(count)]
        missing = [name for name in names if name not in found]
        if missing:
            raise _not_cifar(path, f"it lacks {'/'.join(missing[0])}.jpg")
        parts[part] = Pictures(np.stack([found[name] for name in names]), np.repeat(np.arange(len(CLASSES)), count))
    if len(found) != sum(len(pictures.y) for pictures in parts.values()):
        raise _not_cifar(path, f"it has {len(found):,} pictures")
    return parts


def _not_cifar(path: Path, reason: str) -> store.DataError:
    return store.DataError(f"{path} is not CIFAR-10 as JPEG files ({reason}). Put the archive of that form there.")


def split(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """Keep the last pictures of each class back for validation."""
    per_class = len(pictures.y) // len(CLASSES)
    back = np.arange(len(pictures.y)) % per_class >= per_class - VALIDATION_PER_CLASS
    return Pictures(pictures.x[~back], pictures.y[~back]), Pictures(pictures.x[back], pictures.y[back])


def scaled(images: np.ndarray) -> np.ndarray:
    """Bring pictures to the scale that the network knows: uint8 to float32 around 0."""
    return ((images / np.float32(255)) - np.float32(MEAN)) / np.float32(STD)


def batches(pictures: Pictures, epoch: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go through the pictures in random order, each shifted by up to 4 pixels and mirrored or not.

    All that is random follows from seed and epoch, so a run that is taken up again needs no state of a generator.

    Args:
        pictures: The training pictures.
        epoch: Which epoch, from 1 on.
        seed: As in Settings.

    Yields:
        Whole batches (128, 32, 32, 3) float32 and (128,) int64; a rest is left out.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(pictures.y))
    steps = np.arange(SIDE)
    middle = np.uint8(np.rint(np.array(MEAN) * 255))
    for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        framed = np.empty((BATCH_SIZE, SIDE + 2 * PADDING, SIDE + 2 * PADDING, 3), np.uint8)
        framed[:] = middle
        framed[:, PADDING:-PADDING, PADDING:-PADDING] = pictures.x[chosen]
        top, left = rng.integers(0, 2 * PADDING + 1, size=(2, BATCH_SIZE, 1))
        mirrored = rng.integers(0, 2, size=(BATCH_SIZE, 1)) == 1
        rows, columns = top + steps, left + np.where(mirrored, steps[::-1], steps)  # (128, 32)
        cropped = framed[np.arange(BATCH_SIZE)[:, None, None], rows[:, :, None], columns[:, None, :]]
        yield scaled(cropped), pictures.y[chosen]


def build():
    """Build the ResNet-20: three stages of three blocks, each layer under a name of its own."""
    import keras
    from keras import layers

    def convolution(x, filters, size, stride, name):
        return layers.Conv2D(filters, size, stride, "same", use_bias=False, kernel_initializer="he_normal", name=name)(
            x
        )

    inputs = keras.Input(shape=(SIDE, SIDE, 3), name="pictures")
    x = convolution(inputs, 16, 3, 1, "stem_conv")  # (batch, 32, 32, 16)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    for stage, filters in enumerate((16, 32, 64), 1):
        for block in (1, 2, 3):
            name = f"stage{stage}_block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            y = convolution(x, filters, 3, stride, f"{name}_conv1")
            y = layers.BatchNormalization(name=f"{name}_norm1")(y)
            y = layers.ReLU(name=f"{name}_relu1")(y)
            y = convolution(y, filters, 3, 1, f"{name}_conv2")
            y = layers.BatchNormalization(name=f"{name}_norm2")(y)
            if stride == 2:  # half as wide, twice as many channels: the short cut has to follow
                x = convolution(x, filters, 1, 2, f"{name}_short_conv")
                x = layers.BatchNormalization(name=f"{name}_short_norm")(x)
            x = layers.Add(name=f"{name}_add")([x, y])
            x = layers.ReLU(name=f"{name}_relu2")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # (batch, 64), from (batch, 8, 8, 64)
    return keras.Model(inputs, layers.Dense(len(CLASSES), name="head")(x), name="resnet20")


def build_optimizer(settings: Settings, steps: int):
    """Build SGD with momentum whose rate rises for two epochs and falls along a cosine to zero."""
    import keras

    warm_up = min(WARM_UP_EPOCHS, settings.epochs - 1) * steps
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 10 if warm_up else PEAK_RATE,
        decay_steps=settings.epochs * steps - warm_up,
        warmup_target=PEAK_RATE if warm_up else None,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def named_weights(model) -> dict:
    """Name each variable of the model "layer/variable"."""
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}


def save(path: Path, arrays: dict[str, np.ndarray], about: dict) -> None:
    """Write arrays and what is to be said about them, in one step: an interruption leaves the file as it was."""
    part = path.with_name(f"{path.name}.part")
    # One entry: the format does not keep the order of several, and the hash should not depend on it.
    metadata = {"about": json.dumps(about, sort_keys=True)}
    arrays = {name: np.array(array) for name, array in arrays.items()}  # a step counter comes as a bare number
    part.write_bytes(safetensors.numpy.save(arrays, metadata=metadata))
    part.replace(path)


def save_checkpoint(path: Path, model, optimizer, epoch: int, settings: Settings) -> None:
    """Write everything that a run needs to go on after an epoch."""
    arrays = {f"model/{name}": weight.numpy() for name, weight in named_weights(model).items()}
    arrays |= {f"optimizer/{place}": variable.numpy() for place, variable in enumerate(optimizer.variables)}
    save(path, arrays, {"epoch": epoch, **settings._asdict()})


def load_checkpoint(path: Path, model, optimizer, settings: Settings) -> int:
    """Take up an interrupted run.

    Returns:
        How many epochs are done; 0 where there is no checkpoint.

    Raises:
        ValueError: The checkpoint belongs to other settings.
    """
    if not path.exists():
        return 0
    with safetensors.safe_open(path, "numpy") as checkpoint:
        about = json.loads(checkpoint.metadata()["about"])
        epoch = about.pop("epoch")
        if about != settings._asdict():
            raise ValueError(f"{path} belongs to a run with {about}. Pass the same settings, or another --out.")
        for name, weight in named_weights(model).items():
            weight.assign(checkpoint.get_tensor(f"model/{name}"))
        for place, variable in enumerate(optimizer.variables):
            variable.assign(checkpoint.get_tensor(f"optimizer/{place}"))
    return epoch


def evaluate(model, pictures: Pictures) -> tuple[float, float]:
    """Measure mean loss and accuracy in inference mode."""
    import tensorflow as tf

    forward = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
    logits = np.concatenate(
        [forward(scaled(pictures.x[start : start + 500])).numpy() for start in range(0, len(pictures.y), 500)]
    )
    shifted = logits - logits.max(axis=1, keepdims=True)
    loss = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(logits)), pictures.y]
    return float(loss.mean()), float((logits.argmax(axis=1) == pictures.y).mean())


def train(parts: dict[str, Pictures], settings: Settings, out: Path, stop_after: int = 0) -> Path | None:
    """Train the backbone, or go on where an earlier run was interrupted.

    Args:
        parts: What `read_archive` returned.
        settings: What the weights depend on.
        out: The folder for weights, log and checkpoint.
        stop_after: Stop after so many epochs of this run, as if interrupted; 0 for never.

    Returns:
        The file of weights; None when it was stopped before.
    """
    import keras
    import tensorflow as tf

    out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = out / "checkpoint.safetensors", out / f"{NAME}.jsonl"
    training, validation = split(parts["train"])
    steps = settings.steps or len(training.y) // BATCH_SIZE
    keras.utils.set_random_seed(settings.seed)
    model = build()
    optimizer = build_optimizer(settings, steps)
    optimizer.build(model.trainable_variables)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = loss_function(labels, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        right = tf.reduce_mean(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32))
        return loss, right

    done = load_checkpoint(checkpoint, model, optimizer, settings)
    # Lines of an epoch whose checkpoint was never written would stand there twice.
    lines = log.read_text(encoding="utf-8").splitlines()[:done] if done else []
    log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(
        f"{model.count_params():,} parameters, {len(training.y):,} pictures, {steps} steps an epoch, {done} epochs done"
    )
    for epoch in range(done + 1, settings.epochs + 1):
        if stop_after and epoch > done + stop_after:
            return None
        start, figures = time.perf_counter(), []
        for place, (images, labels) in enumerate(batches(training, epoch, settings.seed)):
            if place == steps:
                break
            figures.append([float(figure) for figure in step(images, labels)])
        seconds = time.perf_counter() - start
        (loss, accuracy), (validation_loss, validation_accuracy) = np.mean(figures, axis=0), evaluate(model, validation)
        line = {
            "epoch": epoch,
            "train_loss": round(float(loss), 4),
            "train_accuracy": round(float(accuracy), 4),
            "validation_loss": round(validation_loss, 4),
            "validation_accuracy": round(validation_accuracy, 4),
            "images_per_second": round(len(figures) * BATCH_SIZE / seconds),
            "seconds": round(seconds, 1),
        }
        _write(log, line)
        save_checkpoint(checkpoint, model, optimizer, epoch, settings)
    test_loss, test_accuracy = evaluate(model, parts["test"])
    path = out / f"{NAME}.safetensors"
    about = {"classes": CLASSES, "mean": MEAN, "std": STD, "input": "RGB, 32 x 32, (pixel / 255 - mean) / std"}
    save(path, {name: weight.numpy() for name, weight in named_weights(model).items()}, about)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    line = {
        "test_loss": round(test_loss, 4),
        "test_accuracy": round(test_accuracy, 4),
        "test_images": len(parts["test"].y),
        "parameters": model.count_params(),
        "weights": path.name,
        "bytes": path.stat().st_size,
        "sha256": digest,
        "data_sha256": ARCHIVE.sha256,
        **settings._asdict(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    _write(log, line)
    return path


def _write(log: Path, line: dict) -> None:
    """Add a line to the log, and show it."""
    text = json.dumps(line)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"{text}\n")
    print(text, flush=True)


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=store.PROJECT / "data" / "backbone", help="folder for the three files"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, default=0, help="steps per epoch, to try the script; 0: all pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--stop-after", type=int, default=0, help="stop after so many epochs, to try the next run; 0: never"
    )
    arguments = parser.parse_args()
    copy, _ = store.find(ARCHIVE)
    if copy is None or not copy.verified:
        sys.exit(f"{ARCHIVE.name} is not on hand. Set COURSE_DATA_DIR to the folder that holds it.")
    device.prepare()
    settings = Settings(arguments.epochs, arguments.steps, arguments.seed)
    path = train(read_archive(copy.path), settings, arguments.out, arguments.stop_after)
    print(f"{path}" if path else "Stopped. Start again with the same arguments to go on.")


if __name__ == "__main__":
    main()
