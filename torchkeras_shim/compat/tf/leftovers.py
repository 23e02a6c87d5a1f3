"""Names of TensorFlow that are not here, module by module, and what to write instead."""

# ruff: noqa: SIM905
from __future__ import annotations

from torchkeras_shim.compat.tf.api import refuse

refuse(
    "Write the operation itself: there are no graphs to import, to build or to look into.",
    *"""
    Operation import_graph_def graph_util.import_graph_def guarantee_const
    no_gradient RegisterGradient shape_n parallel_stack
    get_current_name_scope CriticalSection variable_creator_scope
    register_tensor_conversion_function io.write_graph summary.graph summary.trace_export
    summary.trace_on summary.trace_off autograph.to_code autograph.to_graph autograph.trace
    autograph.experimental.Feature fingerprint
    nondifferentiable_batch_function check_pinned
    """.split(),
)
refuse(
    "Operations of one's own are Python functions here, or torch.library.custom_op.",
    *"""
    load_library load_op_library sysconfig
    """.split(),
)
refuse(
    "Gradients are dense tensors. Write `x[indices]` and `torch.index_add`.",
    *"""
    IndexedSlicesSpec
    """.split(),
)
refuse(
    "Write `tf.TensorSpec`, or `tf.RaggedTensorSpec`.",
    *"""
    TypeSpec NoneTensorSpec OptionalSpec TensorArraySpec
    data.IteratorSpec data.NumpyIterator
    """.split(),
)
refuse(
    "Write `tf.device(name)`.",
    *"""
    DeviceSpec config.PhysicalDevice config.LogicalDevice
    """.split(),
)
refuse(
    "There is one replica in a process. Start the script by `torchrun`, and `fit` trains on several.",
    *"""
    config.experimental_connect_to_cluster
    config.experimental_connect_to_host config.experimental.ClusterDeviceFilters distribute
    train.ClusterDef train.ClusterSpec train.Coordinator train.JobDef train.ServerDef
    types.experimental.distributed data.experimental.service
    data.experimental.SHARD_HINT data.experimental.distributed_save
    experimental.dtensor dtensor test.create_local_cluster
    """.split(),
)
refuse(
    "Quantized and tiny number types are not supported. Quantize the modules of `model.to_torch()`, for example by "
    "torchao.",
    *"""
    qint16 qint32 qint8 quint16 quint8 dtypes.qint16 dtypes.qint32 dtypes.qint8 dtypes.quint16
    dtypes.quint8 dtypes.QUANTIZED_DTYPES dtypes.experimental experimental.float4_e2m1fn
    experimental.float8_e4m3b11fnuz experimental.float8_e4m3fn experimental.float8_e4m3fnuz
    experimental.float8_e5m2 experimental.float8_e5m2fnuz experimental.int2 experimental.int4
    experimental.uint2 experimental.uint4
    """.split(),
)
refuse(
    "Tensors hold numbers or text.",
    *"""
    resource variant dtypes.resource dtypes.variant
    """.split(),
)
refuse(
    "Write `tf.math.top_k`, which is exact.",
    *"""
    approx_top_k math.approx_max_k math.approx_min_k nn.approx_max_k nn.approx_min_k
    """.split(),
)
refuse(
    "Write `tf.debugging.assert_rank(x, rank)`.",
    *"""
    assert_rank
    """.split(),
)
refuse(
    "Write `torch.nn.grad`'s functions, or `tf.GradientTape`.",
    *"""
    conv2d_backprop_filter_v2 conv2d_backprop_input_v2 nn.depthwise_conv2d_backprop_filter
    nn.depthwise_conv2d_backprop_input ragged_fill_empty_rows_grad
    """.split(),
)
refuse(
    "Write `tf.reshape` and `tf.transpose`: blocks are axes of their own.",
    *"""
    required_space_to_batch_paddings
    nn.with_space_to_batch
    """.split(),
)
refuse(
    "Write `tf.nn.conv2d` with `dilations=`, or `tf.nn.conv2d_transpose`.",
    *"""
    conv nn.conv_transpose nn.atrous_conv2d_transpose
    """.split(),
)
refuse(
    "Write `torch.fft.fftn` and its kin.",
    *"""
    fftnd ifftnd irfftnd rfftnd signal.fftnd signal.ifftnd signal.irfftnd signal.rfftnd signal.irfft3d
    signal.rfft3d
    """.split(),
)
refuse(
    "Write torch's function for it, from `torch.linalg`, `torch.special`, `torch.nn.functional` or `torch`.",
    *"""
    matrix_square_root extract_volume_patches
    random_index_shuffle ragged_fill_empty_rows linalg.banded_triangular_solve linalg.eigh_tridiagonal
    linalg.logm
    linalg.tridiagonal_matmul linalg.tridiagonal_solve linalg.experimental.conjugate_gradient
    math.betainc math.sobol_sample
    math.special.dawsn math.special.expint
    math.special.fresnel_cos math.special.fresnel_sin math.special.spence nn.dilation2d nn.erosion2d
    nn.fractional_avg_pool nn.fractional_max_pool nn.isotonic_regression
    nn.experimental.general_dropout
    """.split(),
)
refuse(
    "Write the matrix itself, and `tf.linalg.matmul` and `tf.linalg.solve`.",
    *"""
    linalg.LinearOperator linalg.LinearOperatorAdjoint linalg.LinearOperatorBlockDiag
    linalg.LinearOperatorBlockLowerTriangular linalg.LinearOperatorCirculant
    linalg.LinearOperatorCirculant2D linalg.LinearOperatorCirculant3D linalg.LinearOperatorComposition
    linalg.LinearOperatorDiag linalg.LinearOperatorFullMatrix linalg.LinearOperatorHouseholder
    linalg.LinearOperatorIdentity linalg.LinearOperatorInversion linalg.LinearOperatorKronecker
    linalg.LinearOperatorLowRankUpdate linalg.LinearOperatorLowerTriangular
    linalg.LinearOperatorPermutation linalg.LinearOperatorScaledIdentity linalg.LinearOperatorToeplitz
    linalg.LinearOperatorTridiag linalg.LinearOperatorZeros
    """.split(),
)
refuse(
    "Write `tf.nn.moments` and `tf.nn.batch_normalization`.",
    *"""
    nn.batch_norm_with_global_normalization
    """.split(),
)
refuse(
    "Compute the whole softmax: `tf.nn.sparse_softmax_cross_entropy_with_logits`.",
    *"""
    nn.all_candidate_sampler nn.compute_accidental_hits nn.fixed_unigram_candidate_sampler
    nn.learned_unigram_candidate_sampler
    random.all_candidate_sampler random.fixed_unigram_candidate_sampler
    random.learned_unigram_candidate_sampler
    """.split(),
)
refuse(
    "Write `tf.nn.ctc_beam_search_decoder`, or `keras.ops.ctc_decode`.",
    *"""
    nn.ctc_unique_labels compat.v1.nn.ctc_beam_search_decoder compat.v1.nn.ctc_beam_search_decoder_v2
    """.split(),
)
refuse(
    "Write the layers of `tf.keras.layers` for recurrent cells and embeddings.",
    *"""
    nn.RNNCellDeviceWrapper nn.RNNCellDropoutWrapper nn.RNNCellResidualWrapper
    """.split(),
)
refuse(
    "Write `tf.train.Checkpoint` and `tf.train.CheckpointManager`.",
    *"""
    train.CheckpointOptions train.CheckpointView train.TrackableView train.checkpoints_iterator
    train.load_checkpoint train.load_variable train.experimental
    """.split(),
)
refuse(
    "There are no logical devices and no such settings here; torch has its own, in `torch.backends` and `torch.cuda`.",
    *"""
    config.LogicalDeviceConfiguration
    config.set_logical_device_configuration config.experimental.VirtualDeviceConfiguration
    config.experimental.set_virtual_device_configuration config.experimental.disable_mlir_bridge
    config.experimental.enable_mlir_bridge config.experimental.get_device_details
    config.experimental.get_device_policy config.experimental.set_device_policy
    config.experimental.get_memory_usage config.experimental.reset_memory_stats
    config.experimental.get_synchronous_execution config.experimental.set_synchronous_execution
    config.experimental.get_visible_devices config.experimental.tensor_float_32_execution_enabled
    config.experimental_functions_run_eagerly
    config.optimizer.get_experimental_options config.optimizer.get_jit
    debugging.get_log_device_placement
    debugging.experimental.disable_dump_debug_info
    debugging.experimental.enable_dump_debug_info
    """.split(),
)
refuse(
    "Write methods of `tf.data.Dataset`: `ds.map(...).batch(...)`; for records `tf.io.TFRecordWriter`.",
    *"""
    data.experimental.at
    data.experimental.group_by_reducer
    data.experimental.pad_to_cardinality
    data.experimental.TFRecordWriter
    """.split(),
)
refuse(
    "Data sets here have no such part. Write `tf.data.Dataset`'s methods.",
    *"""
    data.experimental.DatasetInitializer
    data.experimental.Reducer
    data.experimental.SqlDataset
    data.experimental.enable_debug_mode data.experimental.from_variant data.experimental.to_variant
    data.experimental.get_model_proto
    data.experimental.index_table_from_dataset
    data.experimental.make_saveable_from_iterator data.experimental.table_from_dataset
    """.split(),
)
refuse(
    "Errors are classes here: write `tf.errors.InvalidArgumentError` and its kin.",
    *"""
    errors.OperatorNotAllowedInGraphError
    """.split(),
)
refuse(
    "Write a dataclass, or a class of torch.",
    *"""
    experimental.BatchableExtensionType experimental.ExtensionType
    experimental.ExtensionTypeBatchEncoder experimental.ExtensionTypeSpec experimental.extension_type
    experimental.StructuredTensor experimental.dispatch_for_api
    experimental.dispatch_for_binary_elementwise_apis
    experimental.dispatch_for_binary_elementwise_assert_apis
    experimental.dispatch_for_unary_elementwise_apis experimental.unregister_dispatch_for
    experimental.async_clear_error experimental.async_scope experimental.enable_strict_mode
    experimental.function_executor_type experimental.register_filesystem_plugin
    """.split(),
)
refuse(
    "Write `tf.RaggedTensor` and `tf.ragged.constant`.",
    *"""
    experimental.DynamicRaggedShape experimental.RowPartition ragged.cross_hashed
    """.split(),
)
refuse(
    "A tensor is torch's already: write `torch.from_dlpack`, or hand it over as it is.",
    *"""
    experimental.dlpack
    """.split(),
)
refuse(
    "Write `model.export(path)`.",
    *"""
    experimental.tensorrt mlir
    """.split(),
)
refuse(
    "Write `tf.image.stateless_random_crop`, `tf.image.non_max_suppression` or another function that is there.",
    *"""
    image.decode_jxl image.extract_glimpse
    image.generate_bounding_box_proposals image.non_max_suppression_overlaps
    image.non_max_suppression_padded image.sample_distorted_bounding_box
    image.stateless_sample_distorted_bounding_box
    """.split(),
)
refuse(
    "Write `tf.io.parse_single_example` of a `tf.train.Example`, or `tf.io.decode_image`.",
    *"""
    io.decode_json_example io.decode_jxl io.decode_proto
    io.encode_proto io.deserialize_many_sparse io.match_filenames_once io.parse_sequence_example
    io.serialize_many_sparse io.serialize_sparse io.gfile.get_registered_schemes
    """.split(),
)
refuse(
    "Write `tf.random.Generator.from_seed(seed)` or a `stateless_` function that is there.",
    *"""
    random.create_rng_state
    random.stateless_parameterized_truncated_normal
    random.experimental.create_rng_state random.experimental.index_shuffle
    """.split(),
)
refuse(
    "Write `tf.saved_model.save` and `tf.saved_model.load`; their files are this library's.",
    *"""
    saved_model.Asset
    saved_model.DEBUG_DIRECTORY saved_model.DEBUG_INFO_FILENAME_PB
    saved_model.LoadOptions
    saved_model.SAVED_MODEL_FILENAME_PB saved_model.SAVED_MODEL_FILENAME_PBTXT
    saved_model.SAVED_MODEL_SCHEMA_VERSION saved_model.SaveOptions saved_model.TPU
    saved_model.VARIABLES_DIRECTORY saved_model.VARIABLES_FILENAME
    saved_model.experimental
    """.split(),
)
refuse(
    "Write torchaudio's function, or `tf.signal.stft` and `tf.signal.dct`.",
    *"""
    signal.mdct signal.inverse_mdct signal.kaiser_bessel_derived_window
    """.split(),
)
refuse(
    "Write `tf.sparse.to_dense(x)` and the function on dense tensors.",
    *"""
    sparse.cross sparse.cross_hashed sparse.mask sparse.sampled_addmm
    """.split(),
)
refuse(
    "Write `tf.strings.to_hash_bucket_fast`, `tf.strings.unicode_split` or Python's `str`.",
    *"""
    strings.to_hash_bucket strings.unicode_script
    """.split(),
)
refuse(
    "Write `tf.summary.scalar` and its kin.",
    *"""
    summary.SummaryWriter summary.should_record_summaries summary.write summary.experimental
    """.split(),
)
refuse(
    "Write `unittest` or pytest, and numpy's `testing`.",
    *"""
    test
    """.split(),
)
refuse(
    "Write `typing`'s or this library's own class.",
    *"""
    types
    """.split(),
)
refuse(
    "There are no graphs, and TensorFlow's compiler is not there.",
    *"""
    version
    """.split(),
)
