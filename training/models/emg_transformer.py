"""EMG transformer: EMG window and joint state -> next joint state, gait phase, impedance torque.

A convolutional stack turns the EMG window into tokens that an encoder relates to each other. The decoder asks them
one question per joint component (nine: hip, knee, ankle x adduction, rotation, flexion) and one for the phase. The
impedance law follows Hogan (1985), *Impedance control: an approach to manipulation*, J. Dyn. Syst. Meas. Control 107.

Shape suffixes: B windows, C EMG channels (13), W EMG samples (1 kHz), T tokens, F features, J joint components (9),
S state (27 = angle, velocity, acceleration of J), Q queries (J + 1), D derivatives (3).
"""

# ruff: noqa: N803, N806, N815 - shape suffixes are capitals, see the legend
from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional

CHANNELS: Final = 13
COMPONENTS: Final = 9
DERIVATIVES: Final = 3
STATE: Final = COMPONENTS * DERIVATIVES
STRIDES: Final = (2, 2, 2)
KERNELS: Final = (7, 5, 5)

STIFFNESS_SCALE: Final = 3.0
"""N m kg-1 rad-1, the order of the ankle's quasi-stiffness in stance. The scales only set where learning starts."""
DAMPING_SCALE: Final = 0.05
"""N m s kg-1 rad-1, a fifth of critical damping for the stiffness and inertia beside it."""
INERTIA_SCALE: Final = 0.005
"""N m s2 kg-1 rad-1, the order of shank with foot about the knee (anthropometry of Winter 2009, table 4.1)."""


class Prediction(NamedTuple):
    """What the model says of every window.

    `state_BS` is the state at the horizon (degree, degree/s, degree/s2); `phase_B2` (sin, cos) of the phase at the
    horizon, unit length; `stiffness_BJ`, `damping_BJ`, `inertia_BJ` >= 0 in N m (s, s2) kg-1 rad-1;
    `equilibrium_BS` the state the impedance pulls to (units of `state_BS`); `torque_BJ` in N m kg-1.
    """

    state_BS: torch.Tensor
    phase_B2: torch.Tensor
    stiffness_BJ: torch.Tensor
    damping_BJ: torch.Tensor
    inertia_BJ: torch.Tensor
    equilibrium_BS: torch.Tensor
    torque_BJ: torch.Tensor


def impedance_torque(
    gains: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    deviation_BS: torch.Tensor,
    mask_BS: torch.Tensor,
) -> torch.Tensor:
    """Return K (theta_d - theta) + C (omega_d - omega) + M (alpha_d - alpha), N m kg-1, shape (B, J).

    Parameters
    ----------
    gains
        K, C, M, each (B, J), in N m (s, s2) kg-1 rad-1.
    deviation_BS
        Equilibrium minus current state in degree, degree/s, degree/s2.
    mask_BS
        True where the current state is measured; any other component contributes nothing, whatever stands there.
    """
    gain_BS = torch.cat(gains, dim=1)
    radian_BS = torch.where(mask_BS, deviation_BS, deviation_BS.new_zeros(())) * (math.pi / 180)
    return (gain_BS * radian_BS).view(-1, DERIVATIVES, COMPONENTS).sum(dim=1)


class EmgTransformer(nn.Module):
    """Transformer encoder-decoder from EMG and joint state to the next state, phase and impedance.

    Parameters
    ----------
    window
        EMG samples W.
    features, heads, encoder_layers, decoder_layers, dropout
        Sizes; `features` is a multiple of twice `heads`.
    phase_input
        Whether the current phase is an input.
    statistics
        `state_mean`, `state_deviation`, `change_scale`, each (27,) in the units of the state; `linear` (28, 27): the
        linear map from the normalized state and 1 to change / change_scale that the state head starts from;
        `state_known` (27,) and `emg_known` (13,): all else is treated as not measured, whatever the masks say.
    """

    state_mean: torch.Tensor
    state_deviation: torch.Tensor
    change_scale: torch.Tensor
    state_known: torch.Tensor
    emg_known: torch.Tensor
    place_TF: torch.Tensor

    def __init__(
        self,
        *,
        window: int,
        features: int,
        heads: int,
        encoder_layers: int,
        decoder_layers: int,
        dropout: float,
        phase_input: bool,
        statistics: Mapping[str, torch.Tensor],
    ) -> None:
        super().__init__()
        for name in ("state_mean", "state_deviation", "change_scale"):
            self.register_buffer(name, statistics[name].to(torch.float32).clone())
        for name in ("state_known", "emg_known"):
            self.register_buffer(name, statistics[name].clone())
        self.convolutions = _convolutions(features)
        self.register_buffer("place_TF", _places(window, features), persistent=False)
        layer = {"d_model": features, "nhead": heads, "dim_feedforward": 4 * features, "dropout": dropout}
        shared = {"batch_first": True, "norm_first": True, "activation": functional.gelu}
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(**layer, **shared),  # type: ignore[arg-type]
            encoder_layers,
            norm=nn.LayerNorm(features),
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(**layer, **shared),  # type: ignore[arg-type]
            decoder_layers,
            norm=nn.LayerNorm(features),
        )
        self.query_QF = nn.Parameter(0.02 * torch.randn(COMPONENTS + 1, features))
        self.embed_component = nn.Linear(2 * DERIVATIVES, features)
        self.embed_state = nn.Linear(2 * STATE, features)
        self.embed_phase = nn.Linear(2, features) if phase_input else None
        self.linear = nn.Linear(STATE, STATE)
        self.change_head = nn.Linear(features, DERIVATIVES)
        self.gain_head = nn.Linear(features, DERIVATIVES)
        self.equilibrium_head = nn.Linear(features, DERIVATIVES)
        self.phase_head = nn.Linear(features, 2)
        self._start_from(statistics["linear"])

    @torch.no_grad()
    def _start_from(self, linear: torch.Tensor) -> None:
        self.linear.weight.copy_(linear[:STATE].T)
        self.linear.bias.copy_(linear[STATE])
        for head in (self.change_head, self.gain_head):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        nn.init.normal_(self.equilibrium_head.weight, std=0.02)
        nn.init.zeros_(self.equilibrium_head.bias)

    def forward(
        self,
        emg_BCW: torch.Tensor,
        emg_mask_BC: torch.Tensor,
        state_BS: torch.Tensor,
        state_mask_BS: torch.Tensor,
        phase_B: torch.Tensor | None = None,
        phase_mask_B: torch.Tensor | None = None,
    ) -> Prediction:
        """Return the predictions for a batch of windows.

        Parameters
        ----------
        emg_BCW
            EMG divided by its amplitude reference, no unit; what `emg_mask_BC` hides is not looked at.
        state_BS
            Angle, angular velocity, angular acceleration in degree, degree/s, degree/s2; masked alike. A component
            that is not known is predicted as 0, which says nothing.
        phase_B
            Phase in cycles, [0, 1); only for a model built with `phase_input`. What `phase_mask_B` hides is not looked
            at.
        """
        zero = emg_BCW.new_zeros(())
        emg_mask_BC, state_mask_BS = emg_mask_BC & self.emg_known, state_mask_BS & self.state_known
        centered_BS = torch.where(state_mask_BS, state_BS - self.state_mean, zero)
        normal_BS = centered_BS / self.state_deviation
        memory_BTF = self._encode(emg_BCW, emg_mask_BC)
        query_BQF = self._queries(normal_BS, state_mask_BS, phase_B, phase_mask_B)
        answer_BQF = self.decoder(query_BQF, memory_BTF)
        with torch.autocast(normal_BS.device.type, enabled=False):  # units and the linear map need all their digits
            return self._answer(answer_BQF.to(normal_BS.dtype), normal_BS, state_BS, state_mask_BS)

    def _answer(
        self, answer_BQF: torch.Tensor, normal_BS: torch.Tensor, state_BS: torch.Tensor, mask_BS: torch.Tensor
    ) -> Prediction:
        """Return what the decoder's answers say in physical units."""
        joint_BJF = answer_BQF[:, :COMPONENTS]
        change_BS = self.linear(normal_BS) + _by_derivative(self.change_head(joint_BJF))
        current_BS = torch.where(mask_BS, state_BS, self.state_mean)
        deviation_BS = self.state_deviation * _by_derivative(self.equilibrium_head(joint_BJF))
        stiffness_BJ, damping_BJ, inertia_BJ = functional.softplus(self.gain_head(joint_BJF)).unbind(dim=2)
        gains = (STIFFNESS_SCALE * stiffness_BJ, DAMPING_SCALE * damping_BJ, INERTIA_SCALE * inertia_BJ)
        return Prediction(
            state_BS=current_BS + self.change_scale * change_BS,
            phase_B2=functional.normalize(self.phase_head(answer_BQF[:, COMPONENTS]), dim=1, eps=1e-6),
            stiffness_BJ=gains[0],
            damping_BJ=gains[1],
            inertia_BJ=gains[2],
            equilibrium_BS=current_BS + deviation_BS,
            torque_BJ=impedance_torque(gains, deviation_BS, mask_BS),
        )

    def _encode(self, emg_BCW: torch.Tensor, emg_mask_BC: torch.Tensor) -> torch.Tensor:
        """Return EMG tokens (B, T, F); the mask rides along as 13 constant input channels."""
        visible_BCW = torch.where(emg_mask_BC[:, :, None], emg_BCW, emg_BCW.new_zeros(()))
        mask_BCW = emg_mask_BC[:, :, None].to(emg_BCW.dtype).expand_as(emg_BCW)
        token_BFT = self.convolutions(torch.cat([visible_BCW, mask_BCW], dim=1))
        encoded_BTF: torch.Tensor = self.encoder(token_BFT.transpose(1, 2) + self.place_TF)
        return encoded_BTF

    def _queries(
        self,
        normal_BS: torch.Tensor,
        mask_BS: torch.Tensor,
        phase_B: torch.Tensor | None,
        phase_mask_B: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return decoder queries (B, Q, F): one per joint component, and one for the phase."""
        seen_BS = mask_BS.to(normal_BS.dtype)
        parts = [values.view(-1, DERIVATIVES, COMPONENTS).transpose(1, 2) for values in (normal_BS, seen_BS)]
        component_BJF = functional.pad(self.embed_component(torch.cat(parts, dim=2)), (0, 0, 0, 1))
        whole_B1F = self.embed_state(torch.cat([normal_BS, seen_BS], dim=1))[:, None]
        query_BQF: torch.Tensor = self.query_QF + component_BJF + whole_B1F
        if self.embed_phase is None:
            return query_BQF
        if phase_B is None:
            raise ValueError("phase: found none, expected (B,) in cycles. The model was built with phase_input=True.")
        angle_B = 2 * math.pi * phase_B
        circle_B2 = torch.stack([angle_B.sin(), angle_B.cos()], dim=1)
        if phase_mask_B is not None:
            circle_B2 = torch.where(phase_mask_B[:, None], circle_B2, 0.0)  # the middle: no direction
        embedded_BF: torch.Tensor = self.embed_phase(circle_B2)
        return query_BQF + embedded_BF[:, None]


def _by_derivative(value_BJD: torch.Tensor) -> torch.Tensor:
    """Return (B, S) in the order of the state: all angles, all velocities, all accelerations."""
    return value_BJD.transpose(1, 2).flatten(1)


def _convolutions(features: int) -> nn.Sequential:
    """Return the stack from 26 input channels (EMG and masks) to tokens at an eighth of the rate."""
    layers: list[nn.Module] = []
    width = 2 * CHANNELS
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        layers += [nn.Conv1d(width, features, kernel, stride=stride, padding=kernel // 2), nn.GELU()]
        width = features
    return nn.Sequential(*layers)


def _places(window: int, features: int) -> torch.Tensor:
    """Return the sinusoidal code (T, F) of each token's age, counted from the newest sample backward."""
    tokens = window
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        tokens = (tokens + 2 * (kernel // 2) - kernel) // stride + 1
    age_T = torch.arange(tokens - 1, -1, -1, dtype=torch.float32)
    rate_H = torch.exp(torch.arange(0, features, 2, dtype=torch.float32) * (-math.log(1000.0) / features))
    angle_TH = age_T[:, None] * rate_H
    return torch.cat([angle_TH.sin(), angle_TH.cos()], dim=1)
