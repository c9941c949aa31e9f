#pragma once
// A picture as a grid of vectors.
#include "attend/models/captioner.h"
#include "attend/models/patch_classifier.h"
#include "models/classifier_parts.h"

namespace attend {

class PictureEncoder : public Module {
 public:
  // convolutions: layers that halve the picture before it is read; 0 reads squares of it by transformer layers.
  PictureEncoder(const ModelOptions& o, std::int64_t convolutions);
  // pictures [B, C, H, W] -> [B, cells, output_size()], row by row.
  at::Tensor operator()(const at::Tensor& pictures, Observer* observer) const;
  std::int64_t output_size() const { return output_size_; }
  std::vector<Site> sites() const { return sequence_ ? sequence_->sites() : std::vector<Site>{}; }  // over patches

 private:
  struct Layer {
    at::Tensor weight, bias;
    at::Tensor scale, shift;  // of the group norm
  };
  PictureOptions picture_;
  std::int64_t patch_size_ = 0;
  std::int64_t output_size_;
  std::vector<Layer> layers_;
  std::shared_ptr<InputPositions> positions_;  // of the cells that convolutions leave
  std::shared_ptr<Linear> patch_;
  std::shared_ptr<SequenceEncoder> sequence_;
};

// Visits what it reads (the attention itself is the model's: visit_attention).
void visit_picture_encoder(ModelOptions& o, OptionVisitor& v, std::int64_t convolutions);
// The vectors that it leaves of a picture.
PictureGrid grid_of(const ModelOptions& o, std::int64_t convolutions);

}  // namespace attend
