#pragma once
// A picture as a grid of vectors.
#include "attend/models/captioner.h"
#include "models/classifier_parts.h"

namespace attend {

class PictureEncoder : public Module {
 public:
  explicit PictureEncoder(const ModelOptions& o);
  // pictures [B, C, H, W] -> [B, cells, output_size()], row by row.
  at::Tensor operator()(const at::Tensor& pictures, Observer* observer) const;
  std::int64_t output_size() const { return output_size_; }
  std::vector<Site> sites() const { return sequence_ ? sequence_->sites() : std::vector<Site>{}; }  // over patches

 private:
  struct Layer {
    at::Tensor weight, bias;
    at::Tensor scale, shift;  // of the group norm
  };
  ModelOptions o_;
  std::int64_t output_size_;
  std::vector<Layer> layers_;
  std::shared_ptr<InputPositions> positions_;  // of the cells that convolutions leave
  std::shared_ptr<Linear> patch_;
  std::shared_ptr<SequenceEncoder> sequence_;
};

// Options under which a SequenceEncoder reads patches.
ModelOptions for_patches(ModelOptions o);

}  // namespace attend
