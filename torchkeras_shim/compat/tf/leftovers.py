"""Names of TensorFlow that are not here, module by module, and what to write instead."""

# ruff: noqa: SIM905
from __future__ import annotations

from torchkeras_shim.compat.tf.api import refuse

refuse(
    "Write the operation itself: there are no graphs to import, to build or to look into.",
    *"""
    Operation import_graph_def graph_util.import_graph_def guarantee_const get_static_value
    is_symbolic_tensor no_gradient RegisterGradient AggregationMethod shape_n parallel_stack
    tuple get_current_name_scope CriticalSection variable_creator_scope
    register_tensor_conversion_function io.write_graph summary.graph summary.trace_export
    summary.trace_on summary.trace_off autograph.to_code autograph.to_graph autograph.trace
    autograph.experimental.Feature make_ndarray make_tensor_proto fingerprint
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
    TypeSpec NoneTensorSpec OptionalSpec SparseTensorSpec TensorArraySpec
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
    types.experimental.distributed data.experimental.service data.experimental.DistributeOptions
    data.experimental.AutoShardPolicy data.experimental.SHARD_HINT data.experimental.distributed_save
    experimental.dtensor dtensor test.create_local_cluster
    """.split(),
)
refuse(
    "Quantized and tiny number types are not supported. Write `model.quantize(...)`.",
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
    batch_to_space space_to_batch space_to_batch_nd required_space_to_batch_paddings nn.space_to_batch
    nn.with_space_to_batch
    """.split(),
)
refuse(
    "Write `tf.nn.conv2d` with `dilations=`, or `tf.nn.conv2d_transpose`.",
    *"""
    conv nn.conv_transpose nn.atrous_conv2d nn.atrous_conv2d_transpose
    """.split(),
)
refuse(
    "Write `torch.linalg.eig`.",
    *"""
    eig eigvals
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
    matrix_square_root edit_distance extract_volume_patches histogram_fixed_width_bins unravel_index
    random_index_shuffle ragged_fill_empty_rows linalg.banded_triangular_solve linalg.eigh_tridiagonal
    linalg.logm linalg.lu linalg.lu_matrix_inverse linalg.lu_reconstruct linalg.lu_solve
    linalg.tridiagonal_matmul linalg.tridiagonal_solve linalg.experimental.conjugate_gradient
    math.betainc math.reciprocal_no_nan math.sobol_sample math.special.bessel_j0 math.special.bessel_j1
    math.special.bessel_k0 math.special.bessel_k0e math.special.bessel_k1 math.special.bessel_k1e
    math.special.bessel_y0 math.special.bessel_y1 math.special.dawsn math.special.expint
    math.special.fresnel_cos math.special.fresnel_sin math.special.spence nn.dilation2d nn.erosion2d
    nn.fractional_avg_pool nn.fractional_max_pool nn.max_pool_with_argmax nn.isotonic_regression
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
    nn.normalize_moments nn.sufficient_statistics nn.weighted_moments
    nn.batch_norm_with_global_normalization
    """.split(),
)
refuse(
    "Compute the whole softmax: `tf.nn.sparse_softmax_cross_entropy_with_logits`.",
    *"""
    nn.all_candidate_sampler nn.compute_accidental_hits nn.fixed_unigram_candidate_sampler
    nn.learned_unigram_candidate_sampler nn.nce_loss nn.sampled_softmax_loss
    random.all_candidate_sampler random.fixed_unigram_candidate_sampler
    random.learned_unigram_candidate_sampler random.log_uniform_candidate_sampler
    random.uniform_candidate_sampler
    """.split(),
)
refuse(
    "Write `keras.ops.ctc_decode`.",
    *"""
    nn.ctc_beam_search_decoder nn.ctc_greedy_decoder nn.collapse_repeated nn.ctc_unique_labels
    """.split(),
)
refuse(
    "Write the layers of `tf.keras.layers` for recurrent cells and embeddings.",
    *"""
    nn.RNNCellDeviceWrapper nn.RNNCellDropoutWrapper nn.RNNCellResidualWrapper
    nn.embedding_lookup_sparse nn.safe_embedding_lookup_sparse
    """.split(),
)
refuse(
    "Write `tf.train.Checkpoint` and `tf.train.CheckpointManager`.",
    *"""
    train.CheckpointOptions train.CheckpointView train.TrackableView train.checkpoints_iterator
    train.get_checkpoint_state train.load_checkpoint train.load_variable train.experimental
    """.split(),
)
refuse(
    "There are no logical devices and no such settings here; torch has its own, in `torch.backends` and `torch.cuda`.",
    *"""
    config.LogicalDeviceConfiguration config.get_logical_device_configuration
    config.set_logical_device_configuration config.experimental.VirtualDeviceConfiguration
    config.experimental.get_virtual_device_configuration
    config.experimental.set_virtual_device_configuration config.experimental.disable_mlir_bridge
    config.experimental.enable_mlir_bridge config.experimental.get_device_details
    config.experimental.get_device_policy config.experimental.set_device_policy
    config.experimental.get_memory_usage config.experimental.reset_memory_stats
    config.experimental.get_synchronous_execution config.experimental.set_synchronous_execution
    config.experimental.get_visible_devices config.experimental.tensor_float_32_execution_enabled
    config.experimental_functions_run_eagerly config.get_soft_device_placement
    config.set_soft_device_placement config.optimizer.get_experimental_options config.optimizer.get_jit
    config.threading.get_inter_op_parallelism_threads debugging.get_log_device_placement
    debugging.is_traceback_filtering_enabled debugging.experimental.disable_dump_debug_info
    debugging.experimental.enable_dump_debug_info
    """.split(),
)
refuse(
    "Write the method of `tf.data.Dataset` of that name, such as `ds.group_by_window(...)`.",
    *"""
    data.experimental.bucket_by_sequence_length data.experimental.choose_from_datasets
    data.experimental.get_single_element data.experimental.group_by_window
    data.experimental.rejection_resample data.experimental.sample_from_datasets data.experimental.scan
    data.experimental.snapshot data.experimental.take_while data.experimental.unbatch
    data.experimental.unique
    """.split(),
)
refuse(
    "Write methods of `tf.data.Dataset`: `ds.map(...).batch(...)`; for records `tf.io.TFRecordWriter`.",
    *"""
    data.experimental.assert_cardinality data.experimental.at data.experimental.copy_to_device
    data.experimental.dense_to_ragged_batch data.experimental.dense_to_sparse_batch
    data.experimental.enumerate_dataset data.experimental.from_list data.experimental.group_by_reducer
    data.experimental.ignore_errors data.experimental.load data.experimental.map_and_batch
    data.experimental.pad_to_cardinality data.experimental.parallel_interleave
    data.experimental.prefetch_to_device data.experimental.save data.experimental.shuffle_and_repeat
    data.experimental.Counter data.experimental.RandomDataset data.experimental.parse_example_dataset
    data.experimental.make_batched_features_dataset data.experimental.TFRecordWriter
    """.split(),
)
refuse(
    "Data sets here have no such part. Write `tf.data.Dataset`'s methods.",
    *"""
    data.ThreadingOptions data.experimental.AutotuneAlgorithm data.experimental.AutotuneOptions
    data.experimental.DatasetInitializer data.experimental.ExternalStatePolicy
    data.experimental.OptimizationOptions data.experimental.Optional data.experimental.Reducer
    data.experimental.ServiceOptions data.experimental.SqlDataset data.experimental.ThreadingOptions
    data.experimental.enable_debug_mode data.experimental.from_variant data.experimental.to_variant
    data.experimental.get_model_proto data.experimental.get_next_as_optional
    data.experimental.get_structure data.experimental.index_table_from_dataset
    data.experimental.make_saveable_from_iterator data.experimental.table_from_dataset
    """.split(),
)
refuse(
    "Write an `assert` of Python.",
    *"""
    debugging.assert_proper_iterable debugging.assert_same_float_dtype debugging.assert_scalar
    """.split(),
)
refuse(
    "Errors are classes here: write `tf.errors.InvalidArgumentError` and its kin.",
    *"""
    errors.ABORTED errors.ALREADY_EXISTS errors.CANCELLED errors.DATA_LOSS errors.DEADLINE_EXCEEDED
    errors.FAILED_PRECONDITION errors.INTERNAL errors.INVALID_ARGUMENT errors.NOT_FOUND errors.OK
    errors.OUT_OF_RANGE errors.OperatorNotAllowedInGraphError errors.PERMISSION_DENIED
    errors.RESOURCE_EXHAUSTED errors.UNAUTHENTICATED errors.UNAVAILABLE errors.UNIMPLEMENTED
    errors.UNKNOWN
    """.split(),
)
refuse(
    "Write a dataclass, or a class of torch.",
    *"""
    experimental.BatchableExtensionType experimental.ExtensionType
    experimental.ExtensionTypeBatchEncoder experimental.ExtensionTypeSpec experimental.extension_type
    experimental.StructuredTensor experimental.Optional experimental.dispatch_for_api
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
    image.decode_and_crop_jpeg image.decode_jxl image.extract_glimpse
    image.generate_bounding_box_proposals image.non_max_suppression_overlaps
    image.non_max_suppression_padded image.sample_distorted_bounding_box
    image.stateless_sample_distorted_bounding_box
    """.split(),
)
refuse(
    "Write `tf.io.parse_single_example` of a `tf.train.Example`, or `tf.io.decode_image`.",
    *"""
    io.SparseFeature io.decode_and_crop_jpeg io.decode_json_example io.decode_jxl io.decode_proto
    io.encode_proto io.deserialize_many_sparse io.match_filenames_once io.parse_sequence_example
    io.serialize_many_sparse io.serialize_sparse io.gfile.get_registered_schemes
    """.split(),
)
refuse(
    "Write Python's `queue`, or a data set.",
    *"""
    queue
    """.split(),
)
refuse(
    "Write `tf.random.Generator.from_seed(seed)` or a `stateless_` function that is there.",
    *"""
    random.Algorithm random.create_rng_state random.fold_in random.stateless_binomial
    random.stateless_gamma random.stateless_parameterized_truncated_normal random.stateless_poisson
    random.experimental.Algorithm random.experimental.create_rng_state random.experimental.index_shuffle
    random.experimental.stateless_fold_in
    """.split(),
)
refuse(
    "Write `tf.saved_model.save` and `tf.saved_model.load`; their files are this library's.",
    *"""
    saved_model.ASSETS_DIRECTORY saved_model.ASSETS_KEY saved_model.Asset saved_model.CLASSIFY_INPUTS
    saved_model.CLASSIFY_METHOD_NAME saved_model.CLASSIFY_OUTPUT_CLASSES
    saved_model.CLASSIFY_OUTPUT_SCORES saved_model.DEBUG_DIRECTORY saved_model.DEBUG_INFO_FILENAME_PB
    saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY saved_model.GPU saved_model.LoadOptions
    saved_model.PREDICT_INPUTS saved_model.PREDICT_METHOD_NAME saved_model.PREDICT_OUTPUTS
    saved_model.REGRESS_INPUTS saved_model.REGRESS_METHOD_NAME saved_model.REGRESS_OUTPUTS
    saved_model.SAVED_MODEL_FILENAME_PB saved_model.SAVED_MODEL_FILENAME_PBTXT
    saved_model.SAVED_MODEL_SCHEMA_VERSION saved_model.SERVING saved_model.SaveOptions saved_model.TPU
    saved_model.TRAINING saved_model.VARIABLES_DIRECTORY saved_model.VARIABLES_FILENAME
    saved_model.experimental
    """.split(),
)
refuse(
    "Write torchaudio's function, or `tf.signal.stft` and `tf.signal.dct`.",
    *"""
    signal.idct signal.mdct signal.inverse_mdct signal.kaiser_bessel_derived_window
    """.split(),
)
refuse(
    "Write `tf.sparse.to_dense(x)` and the function on dense tensors.",
    *"""
    sparse.bincount sparse.cross sparse.cross_hashed
    sparse.fill_empty_rows sparse.mask
    sparse.reset_shape sparse.sampled_addmm
    sparse.segment_mean sparse.segment_sqrt_n sparse.segment_sum
    sparse.split sparse.to_indicator
    """.split(),
)
refuse(
    "Write `tf.strings.to_hash_bucket_fast`, `tf.strings.unicode_split` or Python's `str`.",
    *"""
    strings.to_hash_bucket strings.unicode_decode_with_offsets strings.unicode_script
    strings.unicode_split_with_offsets strings.unsorted_segment_join
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
