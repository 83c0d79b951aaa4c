//! The prime-order group interface that threshold protocols are generic over.
