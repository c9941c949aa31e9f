attend_read_list(src/models/models.def MODEL models ATTEND_MODELS TESTS_TOGETHER)
attend_room(models TORCH GLUE SOURCES seq2seq.cpp steps.cpp weights_observer.cpp map_summaries.cpp model_options.cpp parts.cpp recurrent_options.cpp transformer_options.cpp recurrent_decoder.cpp copying.cpp
  transformer_layers.cpp decoder_stack.cpp classifier_parts.cpp picture_encoder.cpp ${ATTEND_MODELS_SOURCES} KNOWS layers search)
attend_test(models_tests TORCH KNOWS models LABELS unit
 SOURCES ${PROJECT_SOURCE_DIR}/tests/models/language_model_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/answerer_test.cpp 
 ${PROJECT_SOURCE_DIR}/tests/models/options_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/peers_test.cpp
 ${PROJECT_SOURCE_DIR}/tests/models/machines_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/sites_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/draws_test.cpp
 ${PROJECT_SOURCE_DIR}/tests/models/transformer_parts_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/steps_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/maps_test.cpp
 ${PROJECT_SOURCE_DIR}/tests/models/copying_test.cpp ${PROJECT_SOURCE_DIR}/tests/models/revising_test.cpp ${ATTEND_MODELS_TESTS})
