/** The shape that every language's words have: English's keys. Korean has no plural, so `.._one` is English's alone. */
import type { en } from "./en";

type SameKeys<T> = {
  [Key in keyof T as Key extends `${string}_one` ? never : Key]: T[Key] extends string ? string : SameKeys<T[Key]>;
};

export type Words = SameKeys<typeof en>;
