#pragma once
#include "attend/layers/act.h"
#include "attend/models/answerer.h"

namespace attend {

/// How a classifier reads.
struct ClassifierOptions {
  std::string encoder;  ///< recurrent, transformer, universal or adaptive

  ClassifierOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of encoder_classifier.
struct WholeOptions {
  bool whole;  ///< the line is one input: the sum of its token vectors, each from the table of its place

  WholeOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// How a classifier leaves one vector.
struct PoolingChoiceOptions {
  std::string pooling;  ///< attention_pooling, mean or first

  PoolingChoiceOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of what takes as many steps as it needs (layers/act.h).
struct PonderOptions {
  ActOptions act;

  PonderOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a universal transformer.
struct CombineOptions {
  std::string act_combine;  ///< how the steps make one state: weighted or interpolate

  CombineOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Classes of a text: an encoder (`encoder`: recurrent, transformer, universal or adaptive), pooling (`pooling`), one linear layer.
/// With `whole` the line is one input, x = Σ_s E[s, w_s]: every place s has token vectors of its own, up to `longest` places.
/// Reads Questions::text. Papers: Yang et al. 2016 (attention pooling), Graves 2016 (adaptive), Dehghani et al. 2019 (universal).
/// Sites: encoder.self, pool, act.steps.
std::shared_ptr<Answerer> make_encoder_classifier(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers);

}  // namespace attend
