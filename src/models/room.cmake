attend_room(models TORCH GLUE SOURCES seq2seq.cpp rnn_seq2seq.cpp recurrent_decoder.cpp copying.cpp rnn_lm.cpp transformer.cpp transformer_layers.cpp
  transformer_lm.cpp decoder_stack.cpp classifier_parts.cpp encoder_classifier.cpp masked_lm.cpp patch_classifier.cpp reader.cpp memory_hops.cpp
  picture_encoder.cpp captioner.cpp universal_transformer.cpp ntm_model.cpp KNOWS layers)
attend_test(models_tests TORCH KNOWS models LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/models/language_model_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/answerer_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/captioner_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/models/masked_lm_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/peers_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/models/machines_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/sites_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/draws_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/models/rnn_seq2seq_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/copying_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/revising_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/models/transformer_test.cpp)
