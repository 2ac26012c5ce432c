"""bf16: matrix products lose digits, physical units and the linear map do not."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.training.fake_windows import make_batch
from tests.training.test_emg_transformer import build, predict
from tests.training.test_loop import configure, final_model, log_lines, run


def test_units_and_the_linear_map_keep_all_digits() -> None:
    model, batch = build().eval(), make_batch(16)
    exact = predict(model, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = predict(model, batch)
    for name, value in rounded._asdict().items():
        assert value.dtype == torch.float32, name
    # the head of the change starts at zero: what is left is the linear map
    assert torch.equal(exact.state_BS, rounded.state_BS)
    assert not torch.equal(exact.equilibrium_BS, rounded.equilibrium_BS)
    torch.testing.assert_close(rounded.phase_B2.norm(dim=1), torch.ones(16))


def test_a_run_in_bf16_learns_as_one_in_float32(tmp_path: Path) -> None:
    ends: dict[str, float] = {}
    models: dict[str, dict[str, torch.Tensor]] = {}
    for precision in ("float32", "bf16"):
        config = configure(tmp_path / precision, steps=40, warmup=5, precision=precision, checkpoint_every=100)
        run(config)
        assert all(value.dtype != torch.bfloat16 for value in final_model(config).values())
        found = [line["loss"] for line in log_lines(config) if "loss" in line]
        ends[precision] = sum(found[-10:]) / 10
        assert ends[precision] < 0.8 * found[0]
        models[precision] = final_model(config)
    assert abs(ends["bf16"] / ends["float32"] - 1) < 0.1
    assert any(not torch.equal(value, models["bf16"][name]) for name, value in models["float32"].items())
