#pragma once
#include "attend/models/seq2seq.h"

namespace attend {

/// Of a captioner.
struct ConvolutionOptions {
  std::int64_t convolutions;  ///< layers that halve the picture; 0 = patches

  ConvolutionOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a captioner with convolutions.
struct FilterOptions {
  std::int64_t filters;  ///< channels of the first

  FilterOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Words for a picture (Xu et al. 2015): an encoder leaves a grid of vectors, a recurrent decoder attends to it (`attention`, soft or
/// hard), h_0 and c_0 are two linear maps and tanh of their mean; `context_gate` as in §4.2.1. The encoder is a stack of `convolutions` (3
/// × 3, each halving the picture; group norm, rectifier) trained from scratch, or with convolutions: 0 a Transformer over patches. Its
/// source is float32 [B, picture_channels, picture_height, picture_width], 0 to 1, its lengths the cells of the grid. Sites:
/// decoder.attention; over patches also encoder.self.
std::shared_ptr<Seq2Seq> make_captioner(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);

/// Rows and columns of cells that a model of these options sees in a picture.
struct PictureGrid {
  std::int64_t rows, columns;
  std::int64_t cells() const { return rows * columns; }
};
/// Of a captioner.
PictureGrid picture_grid(const ModelOptions& options);

}  // namespace attend
