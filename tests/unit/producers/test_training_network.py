"""Network, losses, augmentation and averaging of the training; skipped where torch is absent."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402

import producers.embed  # noqa: E402
from producers.training import losses  # noqa: E402
from producers.training.augment import ORDERS, Strength, augmented, recoloured  # noqa: E402
from producers.training.begin import begin  # noqa: E402
from producers.training.data import Crops  # noqa: E402
from producers.training.export import export  # noqa: E402
from producers.training.network import DIM, Classifiers, Encoder, Steadied  # noqa: E402
from producers.training.optimise import Plan, Run  # noqa: E402
from producers.training.peers import Peers  # noqa: E402
from reid.errors import ConfigError  # noqa: E402

WEIGHTS = Path(producers.embed.__file__).parent / "weights" / "stripenet-512.onnx"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def test_embeddings_are_of_unit_length_at_both_sizes() -> None:
    encoder = Encoder().eval()
    for height, width in ((96, 48), (128, 64)):
        output = encoder(torch.rand(2, 3, height, width))
        assert output.embedding.shape == (2, DIM)
        assert torch.allclose(output.embedding.norm(dim=1), torch.ones(2), atol=1e-5)


def test_augmentation_keeps_range_and_shape_and_draws_for_each_crop() -> None:
    pixels = torch.full((8, 144, 72, 3), 128, dtype=torch.uint8)
    images = augmented(pixels, 96, 48, Strength())
    assert images.shape == (8, 3, 96, 48)
    assert float(images.min()) >= 0 and float(images.max()) <= 1
    assert len({round(float(image.mean()), 4) for image in images}) == 8


def test_no_strength_leaves_the_picture_or_its_mirror() -> None:
    pixels = torch.randint(0, 256, (6, 96, 48, 3), dtype=torch.uint8)
    images = augmented(pixels, 96, 48, Strength(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    plain = pixels.permute(0, 3, 1, 2).float() / 255
    for image, same in zip(images, plain, strict=True):
        assert torch.allclose(image, same, atol=2e-3) or torch.allclose(image, same.flip(2), atol=2e-3)


def test_a_recoloured_person_is_recoloured_alike_in_every_crop() -> None:
    pixels = torch.randint(0, 256, (12, 4, 2, 3), dtype=torch.uint8)
    labels = torch.arange(12) // 4
    changed, order = recoloured(pixels, labels, 1.0)
    assert (order.view(3, 4) == order.view(3, 4)[:, :1]).all()
    assert (order > 0).all()
    for crop, same, kept in zip(changed, order, pixels, strict=True):
        assert torch.equal(crop, kept[..., ORDERS[int(same)]])
    kept, order = recoloured(pixels, labels, 0.0)
    assert torch.equal(kept, pixels) and not order.any()


def test_the_same_person_recoloured_is_no_wrong_answer() -> None:
    # Two people in two orders: class 2 is person 0 in the other order.
    torn, wrong = torch.tensor([[4.0, 0.0, 4.0, 0.0]]), torch.tensor([[4.0, 4.0, 0.0, 0.0]])
    labels = torch.tensor([0])
    assert losses.identity(torn, [torn], labels, 2) < losses.identity(wrong, [wrong], labels, 2)
    # Without another order to leave out it is the plain smoothed cross-entropy.
    plain = torch.nn.functional.cross_entropy(torn, labels, label_smoothing=losses.SMOOTHING)
    assert float(losses.identity(torn, [torn], labels, 4, 0.0)) == pytest.approx(float(plain))


def test_a_steadied_channel_forgets_the_light_and_the_others_keep_it() -> None:
    norm = Steadied(4).eval()
    norm.running_mean.fill_(3.0)
    picture = torch.randn(1, 4, 16, 8)
    dark, bright = norm(picture), norm(1.5 * picture + 2)
    assert torch.allclose(dark[:, :2], bright[:, :2], atol=1e-3)
    assert not torch.allclose(dark[:, 2:], bright[:, 2:], atol=0.5)


def test_pair_loss_asks_for_another_camera() -> None:
    labels, cameras = torch.tensor([0, 0, 1, 1]), torch.tensor([1, 2, 1, 2])
    apart = torch.eye(4)
    together = torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
    assert losses.pairs(together, labels, cameras) < losses.pairs(apart, labels, cameras)
    # A likeness within one camera only earns nothing.
    assert float(losses.pairs(together, labels, torch.tensor([1, 1, 1, 1]))) == 0


def test_identity_loss_reaches_every_trained_weight() -> None:
    encoder, classifiers = Encoder(), Classifiers(5)
    output = encoder(torch.rand(6, 3, 96, 48))
    whole, parts = classifiers(output)
    losses.identity(whole, parts, torch.tensor([0, 1, 2, 3, 4, 0]), 5).backward()
    untouched = [
        name
        for module in (encoder, classifiers)
        for name, weight in module.named_parameters()
        if weight.requires_grad and weight.grad is None
    ]
    assert untouched == []


def test_a_run_learns_averages_and_continues_where_it_was(tmp_path: Path) -> None:
    plan = Plan(minutes=1, steps=12, alone=1)
    run = Run(plan, people=2)
    images = torch.rand(8, 3, 96, 48)
    labels, cameras = torch.arange(8) // 4, torch.arange(8) // 2 % 2
    found = []
    for _ in range(8):
        found.append(sum(run.learn(images, labels, cameras)))
        run.agree(Peers(), 1.0)
    assert found[-1] < 0.8 * found[0]
    run.save(tmp_path / "checkpoint.pt")
    other = Run(plan, people=2)
    other.load(tmp_path / "checkpoint.pt")
    assert (other.step, other.seconds) == (8, 8.0)
    for mine, theirs in zip(run.average.parameters(), other.average.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("steady", [False, True])
def test_a_run_begins_as_the_file_that_it_begins_with(tmp_path: Path, steady: bool) -> None:
    trained = Encoder(steady=steady)
    trained.train()
    for _ in range(3):
        trained(torch.rand(8, 3, 128, 64))
    # As training leaves it: the blocks' second norms begin at nothing.
    for block in trained.blocks:
        torch.nn.init.uniform_(block.second_norm.weight, 0.5, 1.5)
        torch.nn.init.uniform_(block.first_norm.weight, -1.5, 1.5)
        torch.nn.init.uniform_(block.first_norm.bias, -0.5, 0.5)
    export(trained.eval(), tmp_path / "file.onnx")
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (8, 144, 72, 3), np.uint8)
    crops = Crops(pixels, np.arange(8) // 2 * 10, np.arange(8) % 2)
    encoder, classifiers = Encoder(steady=steady), Classifiers(4 * len(ORDERS))
    begin(encoder, classifiers, tmp_path / "file.onnx", crops)
    images = torch.rand(2, 3, 128, 64)
    assert torch.allclose(encoder.eval()(images).raw, trained(images).raw, atol=0.02)
    # The same folded norms in training: what they pass on is what the file's offsets say.
    assert encoder.stem_norm.weight.min() > 0
    lengths = classifiers.whole.weight.norm(dim=1)
    assert lengths.min() > 0.1


def test_a_run_could_not_begin_with_the_file_that_is_shipped() -> None:
    crops = Crops(np.zeros((2, 144, 72, 3), np.uint8), np.zeros(2, np.int64), np.arange(2))
    encoder = Encoder()
    begin(encoder, Classifiers(len(ORDERS)), WEIGHTS, crops)
    crop = np.random.default_rng(1).random((1, 3, 128, 64), np.float32)
    session = onnxruntime.InferenceSession(WEIGHTS, providers=["CPUExecutionProvider"])
    expected = torch.from_numpy(session.run(None, {"crops": crop})[0])
    assert (
        torch.nn.functional.cosine_similarity(encoder.eval()(torch.from_numpy(crop)).embedding, expected)
        > 0.99
    )


def test_another_network_is_no_beginning(tmp_path: Path) -> None:
    export(Encoder((32, 64, 128), steady=False).eval(), tmp_path / "file.onnx")
    crops = Crops(np.zeros((2, 144, 72, 3), np.uint8), np.zeros(2, np.int64), np.arange(2))
    with pytest.raises(ConfigError, match=r"file\.onnx"):
        begin(Encoder(), Classifiers(len(ORDERS)), tmp_path / "file.onnx", crops)


def test_the_rate_warms_up_then_falls_to_a_hundredth() -> None:
    plan = Plan(minutes=1, rate=1.0)
    assert plan.rate_at(0.0) == pytest.approx(0.05)
    assert plan.rate_at(plan.warmup) == pytest.approx(1.0)
    assert plan.rate_at(1.0) == pytest.approx(0.01)
    assert plan.size_at(0.0) != plan.size_at(0.99)
