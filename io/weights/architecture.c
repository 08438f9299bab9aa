/* io/weights/architecture.c - the tables of transformers' architectures. */
#include "io/weights/architecture.h"
#include <stddef.h>
#include <string.h>

static const co_config_field bert[] = {{"num_hidden_layers", "layers"},
                                       {"hidden_size", "hidden"},
                                       {"num_attention_heads", "heads"},
                                       {"intermediate_size", "intermediate"},
                                       {"max_position_embeddings", "most_positions"},
                                       {"vocab_size", "vocabulary", "30522"},
                                       {"type_vocab_size", "types"},
                                       {"layer_norm_eps", "eps"},
                                       {"hidden_act", "activation"},
                                       {"hidden_dropout_prob", "dropout"},
                                       {"attention_probs_dropout_prob", "attention_dropout"},
                                       {"classifier_dropout", "head_dropout"},
                                       {"initializer_range", "init_range"},
                                       {"position_embedding_type", NULL, "absolute"},
                                       {"is_decoder", NULL, "false"},
                                       {"add_cross_attention", NULL, "false"},
                                       {"tie_word_embeddings", NULL, "true"},
                                       {0}};
const co_architecture co_architecture_bert = {.model_type = "bert",
                                              .prefix = "bert.",
                                              .fields = bert,
                                              .classes = "Bert",
                                              .lm = "BertForMaskedLM",
                                              .embedding = "embeddings.word_embeddings.weight",
                                              .pieces = true};

static const co_config_field distilbert[] = {
    {"n_layers", "layers"},
    {"dim", "hidden"},
    {"n_heads", "heads"},
    {"hidden_dim", "intermediate"},
    {"max_position_embeddings", "most_positions"},
    {"vocab_size", "vocabulary", "30522"},
    {"activation", "activation"},
    {"dropout", "dropout"},
    {"attention_dropout", "attention_dropout"},
    {"seq_classif_dropout", "head_dropout", .only = "classification"},
    {"qa_dropout", "head_dropout", .only = "span"},
    {"initializer_range", "init_range"},
    {"sinusoidal_pos_embds", NULL, "false"},
    {"tie_word_embeddings", NULL, "true"},
    {0}};
const co_architecture co_architecture_distilbert = {.model_type = "distilbert",
                                                    .prefix = "distilbert.",
                                                    .fields = distilbert,
                                                    .classes = "DistilBert",
                                                    .lm = "DistilBertForMaskedLM",
                                                    .embedding =
                                                        "embeddings.word_embeddings.weight",
                                                    .pieces = true};

static const co_config_field gpt2[] = {{"n_layer", "layers"},
                                       {"n_embd", "hidden"},
                                       {"n_head", "heads"},
                                       {"n_inner", "intermediate"},
                                       {"n_positions", "most_positions"},
                                       {"vocab_size", "vocabulary", "50257"},
                                       {"layer_norm_epsilon", "eps"},
                                       {"activation_function", "activation"},
                                       {"resid_pdrop", "dropout"},
                                       {"embd_pdrop", "embedding_dropout", .instead = "dropout"},
                                       {"attn_pdrop", "attention_dropout"},
                                       {"classifier_dropout", "head_dropout"},
                                       {"initializer_range", "init_range"},
                                       {"tie_word_embeddings", "tied"},
                                       {"scale_attn_weights", NULL, "true"},
                                       {"scale_attn_by_inverse_layer_idx", NULL, "false"},
                                       {"reorder_and_upcast_attn", NULL, "false"},
                                       {"add_cross_attention", NULL, "false"},
                                       {0}};
const co_architecture co_architecture_gpt2 = {.model_type = "gpt2",
                                              .prefix = "transformer.",
                                              .fields = gpt2,
                                              .classes = "GPT2",
                                              .lm = "GPT2LMHeadModel",
                                              .embedding = "wte.weight"};

static const co_config_field llama[] = {{"num_hidden_layers", "layers"},
                                        {"hidden_size", "hidden"},
                                        {"num_attention_heads", "heads"},
                                        {"num_key_value_heads", "kv_heads"},
                                        {"intermediate_size", "intermediate"},
                                        {"max_position_embeddings", "most_positions"},
                                        {"vocab_size", "vocabulary", "32000"},
                                        {"rms_norm_eps", "eps"},
                                        {"rope_theta", "rope_theta"},
                                        {"rope_parameters.rope_theta", "rope_theta"},
                                        {"attention_dropout", "attention_dropout"},
                                        {"classifier_dropout", "head_dropout"},
                                        {"initializer_range", "init_range"},
                                        {"tie_word_embeddings", "tied"},
                                        {"hidden_act", NULL, "silu|swish"},
                                        {"rope_scaling", NULL, ""},
                                        {"rope_parameters.rope_type", NULL, "default"},
                                        {"attention_bias", NULL, "false"},
                                        {"mlp_bias", NULL, "false"},
                                        {"sliding_window", NULL, ""},
                                        {"partial_rotary_factor", NULL, "1|1.0"},
                                        {0}};
const co_architecture co_architecture_llama = {.model_type = "llama",
                                               .prefix = "model.",
                                               .fields = llama,
                                               .head_width = "head_dim",
                                               .classes = "Llama",
                                               .lm = "LlamaForCausalLM",
                                               .embedding = "embed_tokens.weight"};

static const co_config_field bart[] = {
    {"encoder_layers", "layers"},
    {"decoder_layers", "decoder_layers", "12", .instead = "layers"},
    {"d_model", "hidden"},
    {"encoder_attention_heads", "heads"},
    {"decoder_attention_heads", "decoder_heads", "16", .instead = "heads"},
    {"encoder_ffn_dim", "intermediate"},
    {"decoder_ffn_dim", "decoder_intermediate", "4096", .instead = "intermediate"},
    {"max_position_embeddings", "most_positions"},
    {"vocab_size", "vocabulary", "50265"},
    {"activation_function", "activation"},
    {"dropout", "dropout"},
    {"attention_dropout", "attention_dropout"},
    {"activation_dropout", "activation_dropout"},
    {"init_std", "init_range"},
    {"scale_embedding", "scale_embedding"},
    {"encoder_layerdrop", NULL, "0.0|0"},
    {"decoder_layerdrop", NULL, "0.0|0"},
    {"is_encoder_decoder", NULL, "true"},
    {"normalize_before", NULL, "false"},
    {"add_final_layer_norm", NULL, "false"},
    {"tie_word_embeddings", NULL, "true"},
    {0}};
const co_architecture co_architecture_bart = {.model_type = "bart",
                                              .prefix = "model.",
                                              .fields = bart,
                                              .classes = "Bart",
                                              .lm = "BartForConditionalGeneration",
                                              .embedding = "shared.weight",
                                              .zeros = "final_logits_bias"};

const co_architecture *co_architecture_find(const char *model_type)
{
    static const co_architecture *const known[] = {
        &co_architecture_bert, &co_architecture_distilbert, &co_architecture_gpt2,
        &co_architecture_llama, &co_architecture_bart};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(known[k]->model_type, model_type) == 0) return known[k];
    return NULL;
}
