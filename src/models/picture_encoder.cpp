#include "models/picture_encoder.h"

#include <cmath>

#include "attend/models/encoder_classifier.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/transformer_options.h"

namespace attend {
namespace {

constexpr std::int64_t kGroups = 8;  // of channels that are normed together

std::int64_t halved(std::int64_t size, std::int64_t times) {
  for (; times > 0; --times) size = (size + 1) / 2;
  return size;
}

std::int64_t channels_after(std::int64_t filters, std::int64_t layer) { return filters << std::min<std::int64_t>(layer, 3); }

// Squares are read by layers, one for all or a stack.
SequenceEncoder::Of encoder_of_patches(const ModelOptions& o) {
  const bool universal = o.of<ClassifierOptions>().encoder == "universal";
  return {.encoder = universal ? "universal" : "transformer", .input_size = o.embedding, .columns = ColumnAxis::kCell};
}

}  // namespace

void PictureOptions::visit(OptionVisitor& v) {
  v(picture_width, "picture_width", 28, "pictures are brought to this width", between(1, 4096));
  v(picture_height, "picture_height", 28, "and to this height", between(1, 4096));
  v(picture_channels, "picture_channels", 1, "1 is grey, 3 is colour", between(1, 3));
}
void PatchOptions::visit(OptionVisitor& v) { v(patch, "patch", 4, "side of the squares that a picture is cut into", between(1, 4096)); }
void ConvolutionOptions::visit(OptionVisitor& v) {
  v(convolutions, "convolutions", 4, "of a captioner: layers that halve the picture; 0 reads patches by a transformer encoder",
    between(0, 10));
}
void FilterOptions::visit(OptionVisitor& v) {
  v(filters, "filters", 32, "channels of its first convolution, a multiple of 8; each next one has twice as many, up to eight times",
    between(1, 4096));
}

PictureGrid picture_grid(const ModelOptions& o) { return grid_of(o, o.of<ConvolutionOptions>().convolutions); }

PictureGrid grid_of(const ModelOptions& o, std::int64_t convolutions) {
  const auto& picture = o.of<PictureOptions>();
  if (convolutions > 0) return {halved(picture.picture_height, convolutions), halved(picture.picture_width, convolutions)};
  const auto patch = o.of<PatchOptions>().patch;
  return {picture.picture_height / patch, picture.picture_width / patch};
}

void visit_picture_encoder(ModelOptions& o, OptionVisitor& v, std::int64_t convolutions) {
  v.once<PictureOptions>(o.own);
  if (convolutions == 0) {
    visit_options<PatchOptions, ClassifierOptions>(o.own, v);
    v.pass_over<LongestOptions>();  // a table has a row for each square
    visit_sequence_encoder(encoder_of_patches(o), o, v);
    return;
  }
  visit_options<FilterOptions, TransformerOptions>(o.own, v);
  v.pass_over<LongestOptions>();
  visit_input_positions(o.of<TransformerOptions>().positions, o.own, v);
}

PictureEncoder::PictureEncoder(const ModelOptions& o, std::int64_t convolutions)
    : picture_(o.of<PictureOptions>()), output_size_(o.embedding) {
  const auto& positions = o.of<TransformerOptions>().positions;
  const auto cells = grid_of(o, convolutions).cells();
  if (convolutions == 0) {
    patch_size_ = o.of<PatchOptions>().patch;
    ATTEND_CHECK(picture_.picture_width % patch_size_ == 0 && picture_.picture_height % patch_size_ == 0, kValue,
                 "model.patch: squares of {} pixels do not fill a picture of {} x {}; choose a divisor of both", patch_size_,
                 picture_.picture_width, picture_.picture_height);
    auto own = o;
    own.of<LongestOptions>().longest = cells;
    patch_ = register_module("patch", std::make_shared<Linear>(picture_.picture_channels * patch_size_ * patch_size_, o.embedding));
    sequence_ = register_module("sequence", std::make_shared<SequenceEncoder>(own, encoder_of_patches(o)));
    return;
  }
  ATTEND_CHECK(!relative_positions(o), kValue,
               "model.positions: {} works inside attention to itself, which convolutions have none of; use learned", positions);
  const auto filters = o.of<FilterOptions>().filters;
  ATTEND_CHECK(filters % kGroups == 0, kValue, "model.filters must be a multiple of {}, got {}", kGroups, filters);
  auto in = picture_.picture_channels;
  for (std::int64_t i = 0; i < convolutions; ++i) {
    const auto out = channels_after(filters, i);
    const auto name = [i](const char* part) { return fmt::format("convolution_{}_{}", i, part); };
    const auto deviation = std::sqrt(2.0 / static_cast<double>(9 * in));  // He et al. 2015
    layers_.push_back({register_parameter(name("weight"), at::empty({out, in, 3, 3}, float_options()).normal_(0, deviation)),
                       register_parameter(name("bias"), at::zeros({out}, float_options())),
                       register_parameter(name("scale"), at::ones({out}, float_options())),
                       register_parameter(name("shift"), at::zeros({out}, float_options()))});
    in = out;
  }
  output_size_ = in;
  auto own = o.own;
  own.of<LongestOptions>().longest = cells;
  positions_ = register_module("positions", make_positions(positions, in, own));
}

at::Tensor PictureEncoder::operator()(const at::Tensor& pictures, Observer* observer) const {
  const auto sizes = pictures.sizes();
  ATTEND_CHECK(sizes.size() == 4 && sizes[1] == picture_.picture_channels && sizes[2] == picture_.picture_height &&
                   sizes[3] == picture_.picture_width,
               kShape, "pictures must be [B, {}, {}, {}], got {}", picture_.picture_channels, picture_.picture_height,
               picture_.picture_width, shape_text(pictures));
  const auto pixels = pictures.to(*type());  // [B, C, H, W] in the weights' format
  if (patch_) {
    const auto vectors = (*patch_)(patches_of(pixels, patch_size_));  // [B, L, N]
    return (*sequence_)(vectors, at::full({vectors.size(0)}, vectors.size(1), index_options()), observer);
  }
  auto x = pixels - 0.5;  // [B, C, H, W]
  for (const auto& layer : layers_) {
    x = at::conv2d(x, layer.weight, layer.bias, /*stride=*/2, /*padding=*/1);  // [B, out, ⌈H/2⌉, ⌈W/2⌉]
    x = at::relu(at::group_norm(x, kGroups, layer.scale, layer.shift));        // [B, out, ⌈H/2⌉, ⌈W/2⌉]
  }
  return (*positions_)(x.flatten(2).transpose(1, 2));  // [B, cells, channels]
}

}  // namespace attend
