#pragma once
#include "attend/models/answerer.h"

namespace attend {

/// Of models that read pictures.
struct PictureOptions {
  std::int64_t picture_width, picture_height, picture_channels;

  PictureOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of those that cut them into squares.
struct PatchOptions {
  std::int64_t patch;  ///< side

  PatchOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Classes of a picture: squares of `patch` pixels as a sequence, each by one linear map, positions, Transformer layers, pooling, one
/// linear layer (Dosovitskiy et al. 2021, with pooling in place of a class token). Reads Questions::pictures [B, picture_channels,
/// picture_height, picture_width]; throws kShape for others. Sites: encoder.self, pool.
std::shared_ptr<Answerer> make_patch_classifier(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers);

/// Squares of a picture as a sequence, row by row. pictures [B, C, H, W] -> [B, (H/p)·(W/p), C·p·p]. Throws kValue unless p divides both.
at::Tensor patches_of(const at::Tensor& pictures, std::int64_t patch);

}  // namespace attend
