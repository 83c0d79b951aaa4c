//! Messages by the command, on processes: between people who never meet, on a network without a
//! way out, in groups.

#[path = "../home/mod.rs"]
mod home;
mod life;
mod neighbours;
mod stick;
mod street;
