#include "attend/trace/examples.h"

#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"

namespace attend {
namespace {

std::shared_ptr<Tokenizer> tokenizer_of(TokenizerOptions& options, const char* kind, const std::string& pieces) {
  options.kind = kind;
  options.minimum_count = 1;
  return load_tokenizer(options, "<unk>\n<pad>\n<s>\n</s>\n" + pieces);
}

at::Tensor matrix(std::initializer_list<std::initializer_list<double>> rows) {
  std::vector<at::Tensor> out;
  for (const auto& row : rows) out.push_back(at::tensor(at::ArrayRef<double>(row.begin(), row.size()), double_options()));
  return at::stack(out);
}

}  // namespace

TranslationModel worked_example_rnn() {
  TranslationModel example;
  example.text.source_end = false;
  example.source = tokenizer_of(example.text.source, "words", "I\nlove\nyou\n");
  example.target = tokenizer_of(example.text.target, "characters", "我\n爱\n你\n");

  auto& o = example.model;
  o.type = "rnn_seq2seq";
  o.attention = "dot";
  o.of<CellOptions>().cell = "rnn_tanh";
  o.embedding = o.of<HiddenOptions>().hidden = o.of<ReadingOptions>().encoder_hidden = 3;
  o.of<DirectionOptions>().bidirectional = o.of<RecurrentBiasOptions>().recurrent_bias = o.of<RecurrentDecoderOptions>().input_feeding =
      false;
  o.of<BridgeOptions>().bridge = "linear";
  o.of<RecurrentDecoderOptions>().timing = "before";
  o.of<RecurrentDecoderOptions>().readout = "linear";
  o.of<TiedOptions>().tied = "none";
  o.dropout = 0;
  example.network = make_model(o, example.source->size(), example.target->size());
  example.network->to(at::kDouble);
  example.network->eval();

  // A row a token: <unk>, <pad>, <s>, </s>, then the words.
  const auto unit = at::eye(3, double_options()), half = 0.5 * unit, none = at::zeros({4, 3}, double_options());  // [3, 3], none [4, 3]
  const std::map<std::string, at::Tensor> weights{
      {"source_embedding.weight", at::cat({none, unit})},  // [7, 3]
      {"target_embedding.weight", matrix({{0, 0, 0}, {0, 0, 0}, {-1, 2, -1}, {0, 0, 0}, {-1, -1, 2}, {-2, -2, -2}, {1, 1, 1}})},
      {"encoder.forward_0.input_weight", 2 * unit},
      {"encoder.forward_0.hidden_weight", half},
      {"bridge.weight", matrix({{0, 0, 2}, {0, 0, -1}, {0, 0, -1}})},
      {"decoder.cell_0.input_weight", at::cat({unit, half}, 1)},  // meets [E y; c]
      {"decoder.cell_0.hidden_weight", half},
      {"output_weight", matrix({{0, 0, 0, 0, 0, 0},  // meets [c; s]: C beside A
                                {0, 0, 0, 0, 0, 0},
                                {0, 0, 0, 0, 0, 0},
                                {0, 0, 0, 1, 1, 1},
                                {2, -1, -1, 0, 1, 0},
                                {-1, 2, -1, 0, 0, 1},
                                {-1, -1, 2, -1, -1, -1}})},
      {"output_bias", at::tensor({-1e30, -1e30, -1e30, 0.0, 0.0, 0.0, 0.0}, double_options())}};
  at::NoGradGuard no_grad;
  auto parameters = example.network->named_parameters();
  ATTEND_ASSERT(parameters.size() == weights.size());
  for (const auto& [name, value] : weights) {
    ATTEND_ASSERT(parameters[name].sizes() == value.sizes());
    parameters[name].copy_(value);
  }
  return example;
}

}  // namespace attend
