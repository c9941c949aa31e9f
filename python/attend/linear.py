"""Linear layers whose weights are laid out once, for products with few rows: the steps of a decoder."""
from typing import Optional

import torch
from torch import Tensor


class PackedLinear(torch.nn.Module):
    """y = f(x Wᵀ + b) of a torch.nn.Linear, for inference.

    form: "float32"; "bfloat16", to which weights and x are rounded; "int8", 8 bits with a scale for each output and each row of x;
    "float64". activation: none, relu, gelu, gelu_tanh, silu, tanh or sigmoid. What the layer learns after it was packed is not seen.
    """

    def __init__(self, linear: torch.nn.Linear, form: str = "float32", activation: str = "none"):
        super().__init__()
        self.outputs, self.form, self.activation = linear.out_features, form, activation
        self.register_buffer("packed", torch.ops.attend.pack_linear(linear.weight.detach(), form))
        self.bias: Optional[Tensor]
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.attend.packed_linear(x, self.packed, self.outputs, self.bias, self.form, self.activation)
