import { acceptedFiles } from '../state/picked-files.ts';

interface FileInputProps {
  readonly input: { current: HTMLInputElement | null };
  readonly label: string;
  readonly several?: boolean;
  readonly folder?: boolean;
  readonly pick: (files: readonly File[]) => void;
}

/** Hidden file input behind a button; opens the browser's dialog for files or for a folder. */
export function FileInput({ input, label, several = false, folder = false, pick }: FileInputProps) {
  return (
    <input
      ref={input}
      class="visually-hidden"
      type="file"
      accept={folder ? undefined : acceptedFiles}
      {...(folder ? { webkitdirectory: true } : {})}
      multiple={several || folder}
      // Screen readers and keyboard users get the button instead.
      tabIndex={-1}
      aria-hidden="true"
      aria-label={label}
      onChange={(event) => {
        const files = [...(event.currentTarget.files ?? [])];
        // Allows the same file to be chosen again.
        event.currentTarget.value = '';
        pick(files);
      }}
    />
  );
}
